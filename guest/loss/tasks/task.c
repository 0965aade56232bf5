/* A task: makes the accesses of its program, one after the other, and notes what comes of each. */
#include "task.h"

struct landing {
	u64 access;
	u64 land;
};

extern const struct landing landings[], landings_end[];

u64 access_load(u64 address, u64 value, struct outcome *outcome);
u64 access_store(u64 address, u64 value, struct outcome *outcome);
u64 access_read_modify_write(u64 address, u64 value, struct outcome *outcome);
u64 access_fetch(u64 address, u64 value, struct outcome *outcome);

static inline u64 tsc_ordered(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static inline u64 trap(u64 number, u64 a)
{
	asm volatile("ud2" : "+a"(number) : "D"(a) : "memory");
	return number;
}

static inline u64 trap_access(u64 address, u64 access, u64 flags, u64 *value)
{
	u64 result = TASK_TRAP_ACCESS;
	register u64 r8 asm("r8") = flags;

	asm volatile("ud2" : "+a"(result), "+d"(*value) : "D"(address), "S"(access), "r"(r8) : "memory");
	return result;
}

/* Goes on behind the access: at its landing, or, out of a page that could not be executed, at its caller's. */
void task_signal(struct signal_frame *frame)
{
	u64 now = tsc_ordered();
	struct outcome *outcome = (struct outcome *)frame->r9;
	const struct landing *landing = landings;

	outcome->tsc_after = now;
	outcome->result = OUTCOME_SIGNAL;
	outcome->signal = frame->signal;
	outcome->code = frame->code;
	outcome->address = frame->address;
	while (landing < landings_end && landing->access != frame->rip)
		landing++;
	if (landing == landings_end) {
		landing = landings_end - 1;
		frame->rsp += 8;
	}
	frame->rip = landing->land;
	for (;;)
		trap(TASK_TRAP_SIGNAL_RETURN, (u64)frame);
}

static void access_at_cpl3(const struct command *command, struct outcome *outcome)
{
	u64 value;

	if (command->flags & ACCESS_FLIP_INTERRUPTS)
		trap(TASK_TRAP_INTERRUPTS, 0);
	if (command->access == ACCESS_LOAD)
		value = access_load(command->address, command->value, outcome);
	else if (command->access == ACCESS_STORE)
		value = access_store(command->address, command->value, outcome);
	else if (command->access == ACCESS_READ_MODIFY_WRITE)
		value = access_read_modify_write(command->address, command->value, outcome);
	else
		value = access_fetch(command->address, command->value, outcome);
	if (command->flags & ACCESS_FLIP_INTERRUPTS)
		trap(TASK_TRAP_INTERRUPTS, 1);
	if (outcome->result == OUTCOME_NONE) {
		outcome->value = value;
		outcome->result = OUTCOME_VALUE;
	}
}

static void access_by_kernel(const struct command *command, struct outcome *outcome)
{
	u64 value = command->value;
	u64 error;

	outcome->tsc_before = tsc_ordered();
	error = trap_access(command->address, command->access, command->flags, &value);
	outcome->tsc_after = tsc_ordered();
	outcome->value = value;
	outcome->code = error;
	outcome->result = error ? OUTCOME_ERROR : OUTCOME_VALUE;
}

static void compute(struct program *program, const struct command *command, struct outcome *outcome)
{
	outcome->tsc_before = tsc_ordered();
	for (u64 trip = 0; trip < command->value; trip++)
		asm volatile("incq %0" : "+m"(program->progress));
	outcome->tsc_after = tsc_ordered();
	outcome->value = command->value;
	outcome->result = OUTCOME_VALUE;
}

static void wait(struct outcome *outcome)
{
	outcome->tsc_before = tsc_ordered();
	trap(TASK_TRAP_WAIT, 0);
	outcome->tsc_after = tsc_ordered();
	outcome->result = OUTCOME_VALUE;
}

void task_main(struct control *control, u64 index)
{
	struct program *program = &control->program[index];

	for (u32 at = 0; at < program->count && at < LOSS_MAX_COMMANDS; at++) {
		const struct command *command = &program->command[at];

		for (u32 time = 0; time < command->repeat; time++) {
			u32 place = command->first + time;
			struct outcome *outcome = &control->outcome[place % LOSS_MAX_OUTCOMES];

			outcome->result = OUTCOME_NONE;
			outcome->task = index;
			if (command->access <= ACCESS_FETCH)
				access_at_cpl3(command, outcome);
			else if (command->access <= ACCESS_KERNEL_STORE)
				access_by_kernel(command, outcome);
			else if (command->access == ACCESS_COMPUTE)
				compute(program, command, outcome);
			else
				wait(outcome);
			program->progress++;
		}
	}
	for (;;)
		trap(TASK_TRAP_END, 0);
}
