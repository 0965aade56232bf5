/** The account of a fault: where its time goes. */
export { ACCOUNT_PARTS, accountOf, type AccountPart, type FaultAccount, type PartCost } from './account.js';
export { VCPU_PARTS, vcpuAccountOf, type VcpuAccount, type VcpuPart } from './vcpu-time.js';
export { accountLine, accountTable, type TitledAccount } from './table.js';
