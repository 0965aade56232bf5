/* Modules, the system's file systems, the host's shares. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

#define MODULE_INIT_COMPRESSED_FILE 4
#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,"

static void mount_at(const char *source, const char *path, const char *type, unsigned long flags, const char *options)
{
    make_directories(path);
    if (mount(source, path, type, flags, options) != 0)
        give_up("cannot mount %s (%s) at %s", source, type, path);
}

void load_modules(void)
{
    size_t size;
    char *names = read_file("/lab/modules", &size);
    for (char *name = strtok(names, "\n"); name; name = strtok(NULL, "\n")) {
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            give_up("cannot open the module %s", name);
        int flags = strcmp(name + strlen(name) - 3, ".ko") == 0 ? 0 : MODULE_INIT_COMPRESSED_FILE;
        if (syscall(SYS_finit_module, fd, "", flags) != 0 && errno != EEXIST)
            give_up("cannot load the module %s", name);
        close(fd);
    }
}

/* A share that can be written inside without changing the host: what is written stays in memory. */
static void mount_overlay(const char *tag, const char *path)
{
    char lower[256], upper[256], options[1024];
    snprintf(lower, sizeof lower, "/lab/lower/%s", tag);
    snprintf(upper, sizeof upper, "/lab/upper/%s", tag);
    mount_at(tag, lower, "9p", MS_RDONLY, SHARE_OPTIONS "cache=loose");
    mount_at("tmpfs", upper, "tmpfs", 0, "");
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/data,workdir=%s/work", lower, upper, upper);
    strcat(upper, "/data");
    make_directories(upper);
    strcpy(strrchr(upper, '/'), "/work");
    make_directories(upper);
    mount_at("overlay", path, "overlay", 0, options);
}

void mount_shares(void)
{
    size_t size;
    char *save;
    char *lines = read_file("/lab/mounts", &size);
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *kind = strsep(&line, "\t");
        char *tag = strsep(&line, "\t");
        if (!tag || !line)
            continue;
        if (strcmp(kind, "overlay") == 0)
            mount_overlay(tag, line);
        else if (strcmp(kind, "rw") == 0)
            mount_at(tag, line, "9p", 0, SHARE_OPTIONS "cache=mmap");
        else
            mount_at(tag, line, "9p", MS_RDONLY, SHARE_OPTIONS "cache=loose");
    }
}

void mount_system(void)
{
    mount_at("proc", "/proc", "proc", 0, "");
    mount_at("sysfs", "/sys", "sysfs", 0, "");
    mount_at("devtmpfs", "/dev", "devtmpfs", 0, "");
    mount_at("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
    mount_at("tmpfs", "/dev/shm", "tmpfs", 0, "");
    mount_at("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
    mount_at("tmpfs", "/run", "tmpfs", 0, "");
    mount("debugfs", "/sys/kernel/debug", "debugfs", 0, "");
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
}
