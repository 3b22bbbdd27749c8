/*
 * fuzz.c: the fuzzer's door to the simulator. The bytes it makes up are a list of moves
 * (tests/sim/bytes.c), played as a seed's moves are: judged, in two worlds, to the end.
 *
 * A failure is written down by libFuzzer; `sim --bytes=FILE >list` makes a list of it and
 * `sim --shrink=list` a short one.
 */
#include "sim/sim.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct play play;
    struct list list = {.move = NULL};

    list_decode(bytes, size, &list);
    if (!play_list(&play, &list)) {
        printf("\nFAILED %s\n", sim_failure);
        list_write(&list, stdout);
        fflush(stdout);
        abort();
    }
    list_free(&list);
    return 0;
}
