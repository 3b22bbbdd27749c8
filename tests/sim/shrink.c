#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 20 /* seconds, for one list */

/* ---- a process of its own ------------------------------------------------------------------ */

/* A sanitizer's report belongs to the first time, not to the hundred tries that follow. */
static void silence(void)
{
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        _exit(2);
    alarm(PATIENCE);
}

struct verdict shrink_apart(int (*work)(void *arg, struct verdict *shared), void *arg, bool quiet)
{
    struct verdict *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct verdict verdict;
    pid_t child;
    int status;

    fflush(NULL);
    if (shared == MAP_FAILED || (child = fork()) < 0) {
        perror("sim");
        exit(2);
    }
    if (child == 0) {
        if (quiet)
            silence();
        if (!work(arg, shared))
            exit(0);
        strcpy(shared->failure, sim_failure);
        fflush(NULL);
        _exit(1); /* what a broken run leaves behind is no leak */
    }
    waitpid(child, &status, 0);
    verdict = *shared;
    verdict.failed = status != 0;
    munmap(shared, sizeof *shared);
    return verdict;
}

/* ---- shorter ------------------------------------------------------------------------------- */

struct search {
    struct list *list;
    const char *failure;
    unsigned tried;
};

static int play_quietly(void *list, struct verdict *shared)
{
    static struct play play;

    (void)shared;
    return !play_list(&play, list);
}

/* The same invariant; of the core's own checks the same one. */
static bool is_same(const char *a, const char *b)
{
    size_t number = strcspn(a, " ");

    return a[0] == '0' ? strcmp(a, b) == 0 : strncmp(a, b, number + (a[0] != '\0')) == 0;
}

static bool fails_alike(struct search *search, struct list *list)
{
    struct verdict verdict = shrink_apart(play_quietly, list, true);

    search->tried++;
    return verdict.failed && is_same(search->failure, verdict.failure);
}

/* Takes `other` instead of the list where it fails alike. */
static bool replace(struct search *search, struct list *other)
{
    bool fails = fails_alike(search, other);

    if (fails) {
        list_free(search->list);
        *search->list = *other;
    } else {
        list_free(other);
    }
    return fails;
}

static bool leave_out(struct search *search, size_t at, size_t count)
{
    size_t all = search->list->count, to = at + count < all ? at + count : all;
    struct list shorter = {.move = NULL};

    list_without(search->list, at, to, &shorter);
    return replace(search, &shorter);
}

/* Delta debugging: halves, quarters, …, single moves; single ones until none can be spared. */
static void shorten(struct search *search)
{
    size_t size = search->list->count / 2;

    while (size > 0) {
        bool shorter = false;

        for (size_t at = 0; at < search->list->count;)
            if (leave_out(search, at, size))
                shorter = true;
            else
                at += size;
        if (size > 1 || !shorter)
            size /= 2;
    }
}

/* ---- simpler ------------------------------------------------------------------------------- */

static void without_options(struct list *list, size_t at)
{
    list->move[at].options = (struct tv_options){.interval_ns = TV_NONE,
                                                 .reset_after_ns = TV_NONE,
                                                 .max_retries = TV_NONE,
                                                 .backoff = {.factor = 1.0}};
}

static void without_pause(struct list *list, size_t at)
{
    list->move[at].now = at > 0 ? list->move[at - 1].now : 0;
}

static void without_place(struct list *list, size_t at)
{
    list->move[at].on_loop = list->move[at].essential = false;
}

/* Move after move in its simplest form, where that fails alike. */
static void simplify(struct search *search)
{
    static void (*const forms[])(struct list *, size_t) = {without_options, without_pause,
                                                           without_place};

    for (size_t at = 0; at < search->list->count; at++)
        for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
            struct list simple = {.config = search->list->config};

            for (size_t i = 0; i < search->list->count; i++)
                list_append(&simple, &search->list->move[i]);
            forms[form](&simple, at);
            replace(search, &simple);
        }
}

unsigned shrink(struct list *list, const struct verdict *verdict)
{
    struct search search = {.list = list, .failure = verdict->failure};
    size_t before;

    do { /* what has become simpler may be spared */
        before = list->count;
        shorten(&search);
        simplify(&search);
    } while (list->count < before);
    return search.tried;
}
