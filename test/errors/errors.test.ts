import assert from 'node:assert/strict';
import { attempt, describeError, EAGAIN, EFAULT, EHWPOISON, EOPNOTSUPP, errnoMeaning, errnoName, errnoNumber, FaultLabError, fromNative, hintFor } from '../../lib/errors/index.js';

/** An error as the native addon throws it. */
function nativeError(code: string, errno: number, syscall: string, message: string): Error {
  return Object.assign(new Error(message), { code, errno, syscall });
}

describe('errno', () => {
  it('gives numbers that the kernel uses on x86-64', () => {
    assert.equal(errnoNumber('EFAULT'), 14);
    assert.equal(EFAULT, 14);
    assert.equal(errnoNumber('EHWPOISON'), 133);
    assert.equal(EHWPOISON, 133);
    assert.equal(errnoNumber('ENONSENSE'), undefined);
  });

  it('names a number as the kernel documentation does where two names share it', () => {
    assert.equal(errnoName(EAGAIN), 'EAGAIN');
    assert.equal(errnoName(EOPNOTSUPP), 'EOPNOTSUPP');
    assert.equal(errnoName(133), 'EHWPOISON');
    assert.equal(errnoName(4095), 'errno 4095');
  });

  it('explains every number it names', () => {
    assert.equal(errnoMeaning(EFAULT), 'bad address in system call argument');
    assert.match(errnoMeaning(133), /hardware error/);
    assert.equal(errnoMeaning(4095), 'errno 4095');
  });
});

describe('FaultLabError', () => {
  it('takes the standing hint of its code, and its own before that', () => {
    assert.equal(new FaultLabError('KVM_EACCES', 'x').hint, hintFor('KVM_EACCES'));
    assert.equal(new FaultLabError('KVM_EACCES', 'x', { hint: 'try that' }).hint, 'try that');
    assert.equal(new FaultLabError('NEVER_HEARD_OF', 'x').hint, undefined);
  });

  it('finds no hint in the prototype of its table', () => {
    assert.equal(hintFor('constructor'), undefined);
    assert.equal(hintFor('toString'), undefined);
  });

  it('tells each way of being refused /dev/kvm apart from the others', () => {
    const hints = ['KVM_ENOENT', 'KVM_EACCES', 'KVM_EPERM', 'UFFD_EPERM', 'UFFD_ENOSYS', 'ADDON_NOT_BUILT', 'CAP_MISSING'].map(hintFor);
    assert.ok(hints.every((hint) => hint !== undefined));
    assert.equal(new Set(hints).size, hints.length);
    assert.match(hintFor('KVM_EACCES') ?? '', /group that owns/);
    assert.match(hintFor('UFFD_EPERM') ?? '', /unprivileged_userfaultfd.*\/dev\/userfaultfd/);
  });
});

describe('fromNative', () => {
  it('keeps code, errno and syscall of a coded error and says what was tried', () => {
    const cause = nativeError('KVM_EFAULT', EFAULT, 'KVM_RUN', 'KVM_RUN failed with EFAULT (Bad address): vCPU 0');
    const error = fromNative(cause, 'run vCPU 0');
    assert.equal(error.code, 'KVM_EFAULT');
    assert.equal(error.errno, EFAULT);
    assert.equal(error.syscall, 'KVM_RUN');
    assert.equal(error.cause, cause);
    assert.equal(error.message, 'could not run vCPU 0: KVM_RUN failed with EFAULT (Bad address): vCPU 0');
  });

  it('adds the name of the errno where the message lacks it', () => {
    const error = fromNative(nativeError('KVM_EFAULT', EFAULT, 'KVM_RUN', 'no luck'), 'run vCPU 0');
    assert.equal(error.message, 'could not run vCPU 0: KVM_RUN failed with EFAULT (bad address in system call argument)');
  });

  it('makes the negative errno of a Node error positive', () => {
    const error = fromNative(nativeError('EACCES', -13, 'open', "EACCES: permission denied, open '/x'"), 'open /x');
    assert.equal(error.errno, 13);
  });

  it('does not explain twice: a FaultLabError passes through', () => {
    const inner = new FaultLabError('CAP_MISSING', 'no such thing');
    assert.equal(fromNative(inner, 'do more'), inner);
  });

  it('does not explain twice what another copy of the class said, as one in a bundle is', () => {
    const inner = Object.assign(new Error('no such thing'), { name: 'FaultLabError', code: 'CAP_MISSING', hint: 'another kernel has it', syscall: 'KVM_RUN', errno: 5 });
    const error = fromNative(inner, 'do more');
    assert(error instanceof FaultLabError);
    assert.deepEqual([error.code, error.message, error.hint, error.syscall, error.errno], ['CAP_MISSING', 'no such thing', 'another kernel has it', 'KVM_RUN', 5]);
  });

  it('marks an error without a code as a bug and keeps it as the cause', () => {
    const bug = new TypeError('x is not a function');
    const error = fromNative(bug, 'work');
    assert.equal(error.code, 'UNEXPECTED');
    assert.equal(error.cause, bug);
    assert.equal(fromNative('thrown text', 'work').message, 'could not work: thrown text');
  });

  it('wraps what an attempted action throws and returns what it returns', () => {
    assert.equal(attempt('add', () => 1 + 1), 2);
    assert.throws(
      () =>
        attempt('create a VM', () => {
          throw nativeError('KVM_ENOMEM', 12, 'KVM_CREATE_VM', 'KVM_CREATE_VM failed with ENOMEM');
        }),
      { name: 'FaultLabError', code: 'KVM_ENOMEM', message: /^could not create a VM: / },
    );
  });
});

describe('describeError', () => {
  it('is one line with the code and what to do', () => {
    const text = describeError(new FaultLabError('KVM_EACCES', 'could not open /dev/kvm:\n  open failed with EACCES.'));
    assert.equal(text, `Could not open /dev/kvm: open failed with EACCES [KVM_EACCES]. ${hintFor('KVM_EACCES') ?? ''}`);
    assert.ok(!text.includes('\n'));
  });

  it('prints a hint as a sentence, whoever wrote it', () => {
    assert.equal(describeError(new FaultLabError('X', 'no luck', { hint: 'try\nagain' })), 'No luck [X]. Try again.');
    assert.equal(describeError(new FaultLabError('X', 'no luck', { hint: 'Try again.' })), 'No luck [X]. Try again.');
  });

  it('copes with whatever was thrown', () => {
    assert.equal(describeError(new TypeError('bad')), 'Bad.');
    assert.equal(describeError(new RangeError('')), 'RangeError.');
    assert.equal(describeError('text'), 'Unexpected failure: text');
    assert.equal(describeError(undefined), 'Unexpected failure: undefined');
  });
});
