/** Virtualization exceptions (#VE) as a host delivers them: the information area, and whether one may come now. */
export { VE_REFUSALS, veRefusal, type VeDeliveryState, type VeRefusal } from './delivery.js';
export {
  VE_BUSY,
  VE_FLAG_RECOVERABLE,
  VE_QUALIFICATION_FETCH,
  VE_QUALIFICATION_LINEAR,
  VE_QUALIFICATION_READ,
  VE_QUALIFICATION_WRITE,
  VE_REASON_EPT_VIOLATION,
  VeInformationArea,
  veInformationLayout,
  type VeInformation,
} from './information-area.js';
