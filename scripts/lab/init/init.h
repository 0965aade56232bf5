/* The parts of the lab's first process; main.c says what it does. */
#ifndef KVM_FAULTLAB_LAB_INIT_H
#define KVM_FAULTLAB_LAB_INIT_H

#include <stddef.h>
#include <sys/ioctl.h>

/* Ends the lab. */
_Noreturn void power_off(void);
/* The same with the reason and errno on the console, whose end the host shows when the lab dies. */
_Noreturn void give_up(const char *format, ...);

/* A whole file, ended by NUL; never freed. */
char *read_file(const char *path, size_t *size);
/* NUL-terminated strings as an argument vector; never freed. */
char **read_strings(const char *path);
/* A directory and those above it, as far as they can be made. */
void make_directories(const char *path);
/* All of it, or as much as the other end takes. */
void write_all(int fd, const char *bytes, size_t size);

void mount_system(void);
void load_modules(void);
void mount_shares(void);

/* Puts the files that the command was given where it looks for them, and makes way for those that it will make. */
void place_files(void);
/* Copies what it made to the share that the host reads. What cannot be copied is told to `control`: "lost NUMBER REASON". */
void save_outputs(int control);

/* One of the command's output streams: a terminal, where the host's is one, or a pipe. */
struct stream {
    int reading;
    int writing;
};

/* What /lab/terminal says: which of the host's streams are terminals, and their size. */
struct terminals {
    int is_out;
    int is_err;
    struct winsize size;
};

struct terminals read_terminals(void);
struct stream open_stream(int is_terminal, const struct winsize *size);

#endif
