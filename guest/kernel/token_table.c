#include "token_table.h"

#define OVERFLOW_ENTRIES (2 * MAX_TASKS)

struct token_slot token_slots[TOKEN_SLOTS];

/* task 0: ready came first. */
static struct token_slot overflow[OVERFLOW_ENTRIES];
static u32 overflow_count;

static struct token_slot *home_of(u32 token)
{
	return token_slot(token_offset(token));
}

/* A token of another home, so it never equals one that is looked up here. */
static u32 mark_of(struct token_slot *home)
{
	return home == token_slots ? 1 << 12 : 1;
}

/* Home 0 is always marked: its free value would equal the token 0 of a spurious ready event. */
void token_table_init(void)
{
	token_slots[0].token = mark_of(token_slots);
}

static struct task *overflow_take(u32 entry)
{
	struct token_slot *home = home_of(overflow[entry].token);
	struct task *task = overflow[entry].task;

	overflow[entry] = overflow[--overflow_count];
	for (u32 i = 0; i < overflow_count; i++)
		if (home_of(overflow[i].token) == home)
			return task;
	if (home != token_slots)
		home->token = 0;
	return task;
}

/* Early tokens whose not-present event never comes must not fill the list: one of them goes. */
static void overflow_make_room(void)
{
	for (u32 i = 0; i < overflow_count; i++) {
		if (!overflow[i].task) {
			overflow_take(i);
			return;
		}
	}
	panic(PANIC_TOKEN_TABLE);
}

static void overflow_add(u32 token, struct task *task)
{
	if (overflow_count == OVERFLOW_ENTRIES)
		overflow_make_room();
	overflow[overflow_count].token = token;
	overflow[overflow_count].task = task;
	overflow_count++;
}

static u32 overflow_find(u32 token)
{
	u32 entry = 0;

	while (entry < overflow_count && overflow[entry].token != token)
		entry++;
	return entry;
}

/* Gives the token's home over to the list, with the token that is there. */
static void overflow_add_marked(u32 token, struct task *task)
{
	struct token_slot *home = home_of(token);
	u32 mark = mark_of(home);

	if (home->token && home->token != mark)
		overflow_add(home->token, home->task);
	overflow_add(token, task);
	home->token = mark; /* last: making room may have freed it */
}

int token_insert_slow(u32 token)
{
	u32 entry = overflow_find(token);

	if (entry < overflow_count && !overflow[entry].task) {
		overflow_take(entry);
		return 0;
	}
	overflow_add_marked(token, current);
	return 1;
}

struct task *token_remove_slow(u32 token)
{
	u32 entry = overflow_find(token);

	if (entry < overflow_count && overflow[entry].task)
		return overflow_take(entry);
	if (entry == overflow_count)
		overflow_add_marked(token, 0);
	return 0;
}

struct task *token_remove_any(void)
{
	struct task *task;

	while (overflow_count)
		if ((task = overflow_take(overflow_count - 1)))
			return task;
	for (u32 i = 1; i < TOKEN_SLOTS; i++) {
		struct token_slot *home = &token_slots[i];

		if (home->token) {
			home->token = 0;
			return home->task;
		}
	}
	return 0;
}
