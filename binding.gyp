{
  "targets": [
    {
      "target_name": "kvm_faultlab",
      "sources": [
        "native/addon.cc",
        "native/arguments.cc",
        "native/errno_name.cc",
        "native/error.cc",
        "native/eventfd.cc",
        "native/fault_signals.cc",
        "native/file.cc",
        "native/guarded_copy.cc",
        "native/hex.cc",
        "native/ioctl.cc",
        "native/kick_signal.cc",
        "native/kvm.cc",
        "native/layouts.cc",
        "native/layouts_proposals.cc",
        "native/layouts_userfaultfd.cc",
        "native/layouts_vcpu.cc",
        "native/layouts_vm.cc",
        "native/mapping.cc",
        "native/memory.cc",
        "native/memory_failure.cc",
        "native/poll.cc",
        "native/range_set.cc",
        "native/stamps.cc",
        "native/thread.cc",
        "native/userfaultfd.cc",
        "native/vcpu.cc",
        "native/vcpu_proposals.cc",
        "native/vcpu_state.cc",
        "native/view.cc",
        "native/vm.cc",
        "native/word.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags!": ["-O3"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-fvisibility-inlines-hidden"],
      # nodelete: Node unloads an addon with the last Worker that used it, and the signal handlers would go with it.
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack", "-Wl,-z,nodelete"],
      "libraries": ["-lrt"]
    },
    {
      # The VMM loops in C, to compare with: docs/SPEED.md.
      "target_name": "kvm_faultlab_reference",
      "type": "executable",
      "sources": [
        "native/reference/async_pf.c",
        "native/reference/decode.c",
        "native/reference/delay_queue.c",
        "native/reference/elf_image.c",
        "native/reference/failure.c",
        "native/reference/files.c",
        "native/reference/guest.c",
        "native/reference/locate.c",
        "native/reference/main.c",
        "native/reference/memory.c",
        "native/reference/options.c",
        "native/reference/page_tables.c",
        "native/reference/report.c",
        "native/reference/request_ring.c",
        "native/reference/resolver.c",
        "native/reference/thread.c",
        "native/reference/uffd.c",
        "native/reference/vcpu_loop.c",
        "native/reference/vm.c"
      ],
      "defines": ["_GNU_SOURCE"],
      "cflags!": ["-O3"],
      "cflags_c": ["-std=c17", "-O2", "-Wall", "-Wextra", "-Wshadow"],
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"],
      "libraries": ["-lpthread", "-lrt"]
    }
  ]
}
