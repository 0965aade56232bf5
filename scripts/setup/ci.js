/** Whether this run judges strictly: in CI what could not be checked counts as failed. */
export const IN_CI = !['', '0', 'false'].includes(process.env.CI ?? '');
