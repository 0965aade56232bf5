/** Every instruction form that the fault locator must explain, by kind, and a guest that executes them. */
import { ADDRESSES, LOADS, READ_MODIFY_WRITES, STORES } from './data-forms.js';
import type { Form } from './form.js';
import { FETCHES, STACKS, TRANSFERS } from './stack-forms.js';
import { REPEATED_STRINGS, STRINGS } from './string-forms.js';
import { DESCRIPTORS, PRIVILEGED, TABLE_WALKS } from './system-forms.js';
import { GATHERS, MASKED_VECTORS, VECTORS } from './vector-forms.js';

export { assembleForms, type AssembledForms } from './assemble.js';
export { WINDOW, WINDOW_PAGES, type Form } from './form.js';
export { FormGuest, type FinalState, type Stop } from './form-guest.js';

/** A kind of forms, and where they can be executed. */
export interface FormGroup {
  readonly kind: string;
  readonly forms: readonly Form[];
  readonly cpls: readonly (0 | 3)[];
  /** The CPU must read the guest's tables itself: EPT, NPT. */
  readonly needsNestedPaging?: true;
}

/** See the module's comment. */
export const FORM_GROUPS: readonly FormGroup[] = [
  { kind: 'load', forms: LOADS, cpls: [3, 0] },
  { kind: 'address', forms: ADDRESSES, cpls: [3, 0] },
  { kind: 'store', forms: STORES, cpls: [3, 0] },
  { kind: 'read-modify-write', forms: READ_MODIFY_WRITES, cpls: [3, 0] },
  { kind: 'string', forms: STRINGS, cpls: [3, 0] },
  { kind: 'repeated string', forms: REPEATED_STRINGS, cpls: [3, 0] },
  { kind: 'stack', forms: STACKS, cpls: [3, 0] },
  { kind: 'transfer', forms: TRANSFERS, cpls: [3, 0] },
  { kind: 'fetch', forms: FETCHES, cpls: [3, 0] },
  { kind: 'vector', forms: VECTORS, cpls: [3, 0] },
  { kind: 'masked vector', forms: MASKED_VECTORS, cpls: [3, 0] },
  { kind: 'gather and scatter', forms: GATHERS, cpls: [3, 0] },
  { kind: 'privileged', forms: PRIVILEGED, cpls: [0] },
  { kind: 'page table', forms: TABLE_WALKS, cpls: [3, 0], needsNestedPaging: true },
  { kind: 'descriptor', forms: DESCRIPTORS, cpls: [3, 0], needsNestedPaging: true },
];
