/*
 * First process of the lab. The initramfs is the root file system: this program loads modules, mounts the shares that
 * the host offers over 9p, runs one command and tells the host how it ended. What to do is in /lab, written by
 * initramfs.js: `modules` (files to load, in order), `mounts` (kind, tag, path, separated by tabs), `argv`, `env` and
 * `cwd` (NUL-terminated strings).
 *
 * The command's output leaves by two virtio ports of their own. A third carries a line each way: "ready" and
 * "exit CODE" to the host, "signal N" from it. When the host's end is closed, nobody waits any more: power off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_INIT_COMPRESSED_FILE 4
#define MOST_STRINGS 4096
#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,"

/* What the command left running may hold its pipes open; its output is waited for no longer than this. */
#define DRAIN_MS 1000

static _Noreturn void power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

/* The host shows the console's end when the lab dies. */
static _Noreturn void give_up(const char *format, ...)
{
    va_list arguments;
    int number = errno;
    fputs("lab: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, ": %s\n", strerror(number));
    power_off();
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        give_up("cannot open %s", path);
    char *text = NULL;
    *size = 0;
    for (size_t room = 0;;) {
        if (*size + 1 >= room) {
            room = room ? 2 * room : 4096;
            text = realloc(text, room);
            if (!text)
                give_up("no memory for %s", path);
        }
        size_t got = fread(text + *size, 1, room - *size - 1, file);
        if (got == 0)
            break;
        *size += got;
    }
    fclose(file);
    text[*size] = 0;
    return text;
}

/* NUL-terminated strings as an argument vector. */
static char **read_strings(const char *path)
{
    static char *empty[1];
    size_t size;
    char *text = read_file(path, &size);
    char **strings = calloc(MOST_STRINGS + 1, sizeof *strings);
    size_t count = 0;
    if (!strings)
        return empty;
    for (char *at = text; at < text + size && count < MOST_STRINGS; at += strlen(at) + 1)
        strings[count++] = at;
    return strings;
}

static void make_directories(const char *path)
{
    char partial[4096];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *at = partial + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        mkdir(partial, 0755);
        *at = '/';
    }
    mkdir(partial, 0755);
}

static void mount_at(const char *source, const char *path, const char *type, unsigned long flags, const char *options)
{
    make_directories(path);
    if (mount(source, path, type, flags, options) != 0)
        give_up("cannot mount %s (%s) at %s", source, type, path);
}

static void load_modules(void)
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

static void mount_shares(void)
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

static void mount_system(void)
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

/* The device of the virtio port with this name. */
static int open_port(const char *wanted)
{
    const char *directory = "/sys/class/virtio-ports";
    DIR *ports = opendir(directory);
    if (!ports)
        give_up("cannot open %s", directory);
    for (struct dirent *entry; (entry = readdir(ports));) {
        char path[512], name[64] = "";
        snprintf(path, sizeof path, "%s/%s/name", directory, entry->d_name);
        FILE *file = fopen(path, "re");
        if (!file)
            continue;
        if (fgets(name, sizeof name, file))
            name[strcspn(name, "\n")] = 0;
        fclose(file);
        if (strcmp(name, wanted) != 0)
            continue;
        snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        closedir(ports);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            give_up("cannot open %s", path);
        return fd;
    }
    closedir(ports);
    errno = ENODEV;
    give_up("no virtio port named %s", wanted);
}

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        bytes += done;
        size -= (size_t)done;
    }
}

static _Noreturn void become_command(int out, int err)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(out, 1);
    dup2(err, 2);
    size_t size;
    char *directory = read_file("/lab/cwd", &size);
    char **arguments = read_strings("/lab/argv");
    environ = read_strings("/lab/env");
    if (chdir(directory) != 0) {
        fprintf(stderr, "lab: cannot change to %s: %s\n", directory, strerror(errno));
        _exit(126);
    }
    execvp(arguments[0], arguments);
    fprintf(stderr, "lab: cannot run %s: %s\n", arguments[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* Copies what is there; false at the end. */
static int relay(int from, int to)
{
    char buffer[65536];
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    write_all(to, buffer, (size_t)got);
    return got > 0;
}

/* Lines "signal N" from the host; false when its end is closed. */
static int obey(int control, pid_t command)
{
    char line[256];
    ssize_t got = read(control, line, sizeof line - 1);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    line[got] = 0;
    for (char *at = line; (at = strstr(at, "signal ")); at++)
        kill(-command, atoi(at + 7));
    return got > 0;
}

/* Runs until the command is gone and its output has left; its exit code as a shell has it. */
static int supervise(pid_t command, int out, int err, int out_port, int err_port, int control)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    struct pollfd fds[] = {
        {.fd = out, .events = POLLIN},
        {.fd = err, .events = POLLIN},
        {.fd = control, .events = POLLIN},
        {.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN},
    };
    int code = -1;
    for (;;) {
        int ready = poll(fds, 4, code < 0 ? -1 : DRAIN_MS);
        if (ready < 0 && errno != EINTR)
            give_up("cannot wait for the command");
        if (ready == 0 || (code >= 0 && fds[0].fd < 0 && fds[1].fd < 0))
            return code;
        if (fds[0].revents && !relay(out, out_port))
            fds[0].fd = -1;
        if (fds[1].revents && !relay(err, err_port))
            fds[1].fd = -1;
        if (fds[2].revents && !obey(control, command))
            power_off();
        struct signalfd_siginfo ignored;
        while (read(fds[3].fd, &ignored, sizeof ignored) > 0)
            ;
        int status;
        for (pid_t gone; (gone = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (gone == command)
                code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        if (code >= 0 && fds[0].fd < 0 && fds[1].fd < 0)
            return code;
    }
}

int main(void)
{
    mount_system();
    load_modules();
    mount_shares();
    sethostname("lab", 3);

    int control = open_port("lab.control");
    int out_port = open_port("lab.stdout");
    int err_port = open_port("lab.stderr");
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        give_up("cannot make pipes");
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);

    write_all(control, "ready\n", 6);
    pid_t command = fork();
    if (command < 0)
        give_up("cannot fork");
    if (command == 0)
        become_command(out[1], err[1]);
    close(out[1]);
    close(err[1]);
    char line[32];
    int length = snprintf(line, sizeof line, "exit %d\n", supervise(command, out[0], err[0], out_port, err_port, control));
    sync();
    write_all(control, line, (size_t)length);
    power_off();
}
