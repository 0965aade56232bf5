/** The guest that loses memory, with a window onto a file of a few pages. */
import { strict as assert } from 'node:assert';
import { Kvm } from '../../lib/kvm/index.js';
import { LossGuest, type AccessOutcome, type LossGuestOptions } from '../../lib/loss/index.js';
import { DaxWindow, type DaxSource } from '../../lib/memory/index.js';
import { PAGE_SIZE } from '../../lib/uapi/index.js';

/** Of the window. */
export const PAGES = 4;

/** A guest that has booted, and its window. */
export interface WindowedGuest {
  readonly guest: LossGuest;
  readonly window: DaxWindow;
  /** What comes of one load. Fails where the guest ends. */
  readonly load: (page: number) => AccessOutcome;
}

/** Runs `body` with such a guest; a memfd of the window's size where no file is given. */
export async function withLossGuest(options: Omit<LossGuestOptions, 'window'> & { readonly source?: DaxSource }, body: (guest: WindowedGuest) => void | Promise<void>): Promise<void> {
  const kvm = Kvm.open();
  const window = DaxWindow.create(options.source ?? { memfdBytes: PAGES * PAGE_SIZE }, PAGES * PAGE_SIZE);
  try {
    await LossGuest.with(kvm, { ...options, window }, (guest) => {
      const load = (page: number): AccessOutcome => {
        assert.deepEqual(guest.run([[{ access: 'load', page }]]), { kind: 'done' });
        return guest.outcomes()[0];
      };
      // Boots, and touches the window once.
      assert.equal(load(0).result, 'value');
      return body({ guest, window, load });
    });
  } finally {
    window.close();
    kvm.close();
  }
}
