/*
 * First process of the lab. The initramfs is the root file system: this program loads modules, mounts the shares that
 * the host offers over 9p, runs one command and tells the host how it ended. What to do is in /lab, written by
 * initramfs.js: `modules` (files to load, in order), `mounts` (kind, tag, path, separated by tabs), `terminal` (terminal.c),
 * and as NUL-terminated strings `argv`, `env`, `cwd`, `directories`, `links` and `outputs` (files.c).
 *
 * The command's output leaves by two virtio ports of their own. A third carries a line each way: "ready", "exit CODE"
 * and "lost NUMBER REASON" to the host, "signal N" from it. When the host's end is closed, nobody waits any more: power off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

/* What the command left running may hold its streams open; its output is waited for no longer than this. */
#define DRAIN_MS 1000

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
    place_files();
    sethostname("lab", 3);

    int control = open_port("lab.control");
    int out_port = open_port("lab.stdout");
    int err_port = open_port("lab.stderr");
    struct terminals terminals = read_terminals();
    struct stream out = open_stream(terminals.is_out, &terminals.size);
    struct stream err = open_stream(terminals.is_err, &terminals.size);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);

    write_all(control, "ready\n", 6);
    pid_t command = fork();
    if (command < 0)
        give_up("cannot fork");
    if (command == 0)
        become_command(out.writing, err.writing);
    close(out.writing);
    close(err.writing);
    int code = supervise(command, out.reading, err.reading, out_port, err_port, control);
    save_outputs(control);
    char line[32];
    int length = snprintf(line, sizeof line, "exit %d\n", code);
    sync();
    write_all(control, line, (size_t)length);
    power_off();
}
