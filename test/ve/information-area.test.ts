import { strict as assert } from 'node:assert';
import { lossAbi } from '../../lib/loss/index.js';
import { gpa, gva } from '../../lib/uapi/index.js';
import { VE_BUSY, VE_REASON_EPT_VIOLATION, VeInformationArea, veInformationLayout, veRefusal, type VeInformation } from '../../lib/ve/index.js';

describe('the information area of #VE', () => {
  const bytes = new DataView(new ArrayBuffer(4096));
  const area = new VeInformationArea(bytes, 0);
  const filled = (access: VeInformation['access'], at: number | null = 0x4000_1238): DataView => {
    new Uint8Array(bytes.buffer).fill(0);
    area.fill({ access, gva: at === null ? null : gva(BigInt(at)), gpa: gpa(0x8000_1238), recoverable: false });
    return bytes;
  };

  it('has the fields where the SDM has them: reason, busy word at 4, qualification at 8, linear address at 16, physical at 24', () => {
    const view = filled('store');
    assert.equal(view.getUint32(0, true), 48);
    assert.equal(view.getUint32(4, true), 0xffff_ffff);
    assert.equal(view.getBigUint64(16, true), 0x4000_1238n);
    assert.equal(view.getBigUint64(24, true), 0x8000_1238n);
    assert.equal(view.getUint16(32, true), 0);
  });

  it('says the access as the exit qualification of an EPT violation does, and whether there is a linear address', () => {
    const qualifications = (['load', 'store', 'read-modify-write', 'fetch'] as const).map((access) => filled(access).getBigUint64(8, true));
    assert.deepEqual(qualifications, [0x181n, 0x182n, 0x183n, 0x184n]);
    assert.equal(filled('load', null).getBigUint64(8, true), 1n);
  });

  it('is the same structure for host and guest', () => {
    const guestFields = lossAbi.veInformationLayout.fields;
    for (const [name, [offset, size]] of Object.entries({ exit_reason: [0, 4], busy: [4, 4], qualification: [8, 8], gva: [16, 8], gpa: [24, 8], flags: [64, 4], resolved_token: [72, 4], resolved_result: [76, 4] } as const)) {
      for (const fields of [guestFields, veInformationLayout.fields]) {
        const field = fields[name as keyof typeof fields];
        assert.deepEqual([field.offset, field.size], [offset, size], name);
      }
    }
    assert.deepEqual([lossAbi.VE_REASON_EPT_VIOLATION, lossAbi.VE_BUSY], [VE_REASON_EPT_VIOLATION, VE_BUSY]);
  });

  it('is busy from a delivery until the guest has cleared the word', () => {
    assert(new VeInformationArea(filled('load'), 0).busy);
    bytes.setUint32(4, 0, true);
    assert(!area.busy);
  });
});

describe('whether a #VE may be delivered', () => {
  it('depends on the busy word, on events under way, and on protected mode, in all eight states', () => {
    for (const busy of [false, true]) {
      for (const eventPending of [false, true]) {
        assert.equal(veRefusal({ busy, eventPending, protectedMode: false }), 'real-mode');
        assert.equal(veRefusal({ busy, eventPending, protectedMode: true }), eventPending ? 'event-pending' : busy ? 'busy' : null);
      }
    }
  });
});
