/** What all reports say of where they were made. */
import * as v from 'valibot';

/** A host. */
export const HostSchema = v.object({
  kind: v.picklist(['VMX', 'SVM', 'PVM', 'unknown']),
  kernelRelease: v.string(),
  cpuModel: v.string(),
  cpuCount: v.pipe(v.number(), v.integer(), v.minValue(0)),
  virtualized: v.boolean(),
  emulated: v.boolean(),
});

/** The release that wrote it. */
export const ToolSchema = v.object({ name: v.literal('kvm-faultlab'), version: v.string(), node: v.string() });
