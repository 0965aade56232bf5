"""Asks the kernel what the probes ask, without a line of the project's code. Argument: capability numbers, comma-separated. Prints JSON."""
import ctypes, errno, fcntl, json, os, struct, sys

KVMIO, UFFDIO = 0xAE, 0xAA


def ioc(direction, kind, number, size):
    return direction << 30 | size << 16 | kind << 8 | number


KVM_CREATE_VM = ioc(0, KVMIO, 0x01, 0)
KVM_CHECK_EXTENSION = ioc(0, KVMIO, 0x03, 0)
KVM_GET_SUPPORTED_CPUID = ioc(3, KVMIO, 0x05, 8)
KVM_CREATE_VCPU = ioc(0, KVMIO, 0x41, 0)
KVM_CAP_SPLIT_IRQCHIP = 121
KVM_ENABLE_CAP = ioc(1, KVMIO, 0xA3, 104)
KVM_GET_MP_STATE = ioc(2, KVMIO, 0x98, 4)
UFFDIO_API = ioc(3, UFFDIO, 0x3F, 24)
SYS_USERFAULTFD = 323
TMPFS_MAGIC = 0x01021994


def features_of_cpuid(kvm, leaf):
    most = 256
    buffer = bytearray(struct.pack("<II", most, 0) + bytes(40 * most))
    fcntl.ioctl(kvm, KVM_GET_SUPPORTED_CPUID, buffer)
    (count,) = struct.unpack_from("<I", buffer)
    for at in range(count):
        function, _, _, eax = struct.unpack_from("<IIII", buffer, 8 + 40 * at)
        if function == leaf:
            return eax
    return 0


def mp_states(kvm):
    vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    fcntl.ioctl(vm, KVM_ENABLE_CAP, struct.pack("<II12Q", KVM_CAP_SPLIT_IRQCHIP, 0, 24, *([0] * 11)))
    states = []
    for number in (0, 1):
        vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, number)
        states.append(struct.unpack("<I", fcntl.ioctl(vcpu, KVM_GET_MP_STATE, bytes(4)))[0])
        os.close(vcpu)
    os.close(vm)
    return states


def protected_vm(kvm):
    try:
        os.close(fcntl.ioctl(kvm, KVM_CREATE_VM, 1))
        return "made"
    except OSError as error:
        return errno.errorcode[error.errno]


def uffd_features():
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC)
    if fd < 0:
        return None
    answer = fcntl.ioctl(fd, UFFDIO_API, struct.pack("<QQQ", 0xAA, 0, 0))
    os.close(fd)
    return struct.unpack("<QQQ", answer)[1]


def mount_type(directory):
    best = ("", "")
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            fields = line.split()
            at, kind = fields[4], fields[fields.index("-") + 1]
            if (directory == at or directory.startswith(at.rstrip("/") + "/")) and len(at) >= len(best[0]):
                best = (at, kind)
    return best[1]


def seal_on_tmpfs():
    for directory in ("/dev/shm", "/run", "/tmp"):
        if os.path.isdir(directory) and os.access(directory, os.W_OK) and mount_type(directory) == "tmpfs":
            fd = os.open(directory, os.O_RDWR | os.O_TMPFILE, 0o600)
            try:
                fcntl.fcntl(fd, 1033, 2)  # F_ADD_SEALS, F_SEAL_SHRINK
                return "accepted"
            except OSError as error:
                return errno.errorcode[error.errno]
            finally:
                os.close(fd)
    return None


kvm = os.open("/dev/kvm", os.O_RDWR)
vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
capabilities = {number: [fcntl.ioctl(vm, KVM_CHECK_EXTENSION, int(number)), fcntl.ioctl(kvm, KVM_CHECK_EXTENSION, int(number))] for number in sys.argv[1].split(",")}
with open("/proc/meminfo") as meminfo:
    memory_failure = any(line.startswith("HardwareCorrupted:") for line in meminfo)
print(
    json.dumps(
        {
            "capabilities": capabilities,
            "features": features_of_cpuid(kvm, 0x40000001),
            "mpStates": mp_states(kvm),
            "protectedVm": protected_vm(kvm),
            "uffdFeatures": uffd_features(),
            "sealOnTmpfs": seal_on_tmpfs(),
            "memoryFailure": memory_failure,
        }
    )
)
