/*
 * Files that the command line names. `directories` are made; `links` are pairs of a target and the path at which the command
 * looks for it; `outputs` are the paths that it may write, each saved under its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

void place_files(void)
{
    for (char **directory = read_strings("/lab/directories"); *directory; directory++)
        make_directories(*directory);
    for (char **link = read_strings("/lab/links"); link[0] && link[1]; link += 2) {
        unlink(link[1]);
        if (symlink(link[0], link[1]) != 0)
            give_up("cannot make the link %s", link[1]);
    }
    /* What is there afterwards is the command's. */
    for (char **output = read_strings("/lab/outputs"); *output; output++)
        unlink(*output);
}

/* False with errno set when the copy is not complete. */
static int copy(int from, const char *path)
{
    static char buffer[1 << 20];
    ssize_t got;
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return 0;
    while ((got = read(from, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0, written; done < got; done += written) {
            written = write(to, buffer + done, (size_t)(got - done));
            if (written <= 0)
                goto failed;
        }
    }
    if (got == 0 && fsync(to) == 0)
        return close(to) == 0;
failed:;
    int number = errno;
    close(to);
    errno = number;
    return 0;
}

void save_outputs(int control)
{
    char **outputs = read_strings("/lab/outputs");
    for (int at = 0; outputs[at]; at++) {
        char text[512];
        struct stat status;
        /* Not blocking: the command may have made a FIFO. */
        int from = open(outputs[at], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (from < 0 || fstat(from, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        snprintf(text, sizeof text, "/lab/out/%d", at);
        if (!copy(from, text)) {
            int length = snprintf(text, sizeof text, "lost %d %s\n", at, strerror(errno));
            write_all(control, text, (size_t)length);
        }
        close(from);
    }
}
