/*
 * signals.c: no signal is missed by a wait of the main thread.
 *
 * Python's own C handler only sets a flag, which is looked at between bytecodes: a signal that
 * comes after the last look and before the sleep would be slept through, as would one that another
 * thread was given. So for the time of a wait the handlers that Python has installed are wrapped:
 * the wrapper calls the wrapped one and then ends the wait. A handler that Python code installs
 * meanwhile, from within another handler, stays.
 *
 * `wrapped` is written by the main thread alone, before the wrapper is installed; the wrapper may
 * still run on another thread after it has been taken out, and finds what it wrapped.
 */
#include "ext/ext.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGUSR2};
#define WATCHED (sizeof watched / sizeof *watched)

static struct sigaction wrapped[WATCHED];
static bool is_wrapped[WATCHED];
static int depth; /* of waits: a Python handler that runs in one may wait itself */

static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;

    for (size_t i = 0; i < WATCHED; i++) {
        if (watched[i] != number)
            continue;
        if (wrapped[i].sa_flags & SA_SIGINFO)
            wrapped[i].sa_sigaction(number, info, context);
        else
            wrapped[i].sa_handler(number);
    }
    tv_interrupt_waits();
    errno = saved;
}

/*
 * Python runs its handlers on the main thread, which is the process's first unless it is embedded.
 */
static bool ask_main_thread(void)
{
#ifdef __linux__
    return syscall(SYS_gettid) == getpid();
#else
    return false;
#endif
}

/* Asked once per thread, and again in a forked child, whose only thread is its first. */
static bool is_main_thread(void)
{
    static _Thread_local unsigned asked_in;
    static _Thread_local bool asked, answer;

    if (!asked || asked_in != tv_generation()) {
        answer = ask_main_thread();
        asked_in = tv_generation();
        asked = true;
    }
    return answer;
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_signal;
}

static bool is_function(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static void wrap(size_t i)
{
    struct sigaction before, wrapper;

    if (sigaction(watched[i], NULL, &before) != 0 || !is_function(&before) || is_ours(&before))
        return;
    wrapped[i] = wrapper = before;
    wrapper.sa_flags |= SA_SIGINFO;
    wrapper.sa_sigaction = on_signal;
    is_wrapped[i] = sigaction(watched[i], &wrapper, NULL) == 0;
}

static void unwrap(size_t i)
{
    struct sigaction now;

    if (!is_wrapped[i])
        return;
    is_wrapped[i] = false;
    if (sigaction(watched[i], &wrapped[i], &now) == 0 && !is_ours(&now))
        sigaction(watched[i], &now, NULL);
}

void tv_py_signals_watch(void)
{
    if (!is_main_thread())
        return;
    depth++;
    tv_wait_interruptibly(true);
    for (size_t i = 0; i < WATCHED; i++)
        wrap(i);
}

void tv_py_signals_unwatch(void)
{
    if (!is_main_thread() || --depth > 0)
        return;
    for (size_t i = 0; i < WATCHED; i++)
        unwrap(i);
    tv_wait_interruptibly(false);
}
