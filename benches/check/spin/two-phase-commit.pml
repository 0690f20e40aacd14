/* Two-phase commit with N resource managers: the system of our gallery's page of that name, step for step.
 *
 * Written for SPIN's speed: one process that chooses among the enabled steps, sets of managers as bits, each step a
 * d_step. A state is these five variables: SPIN stores as many as we do. */

#if N > 8
#define SET short
#else
#define SET byte
#endif

SET settled;    /* committed or aborted */
SET different;  /* prepared or aborted: what differs from working, and from committed */
SET sent;       /* have said that they are prepared */
SET heard;      /* of whom the transaction manager has heard it */
byte decision;  /* 0 none, 1 commit, 2 abort */

#define CONSISTENT assert(!((settled & ~different) && (settled & different)))

#define RESOURCE(i) \
    :: d_step { !((settled | different) & i) -> different = different | i; sent = sent | i } \
    :: d_step { !((settled | different) & i) -> different = different | i; settled = settled | i; CONSISTENT } \
    :: d_step { decision == 0 && (sent & i) && !(heard & i) -> heard = heard | i } \
    :: d_step { decision == 1 && !(settled & ~different & i) -> \
                settled = settled | i; different = different & ~i; CONSISTENT } \
    :: d_step { decision == 2 && !(settled & different & i) -> \
                settled = settled | i; different = different | i; CONSISTENT }

active proctype system() {
end:
    do
    :: d_step { decision == 0 && heard == (1 << N) - 1 -> decision = 1 }
    :: d_step { decision == 0 -> decision = 2 }
    RESOURCE(1)
    RESOURCE(2)
    RESOURCE(4)
#if N > 3
    RESOURCE(8)
#endif
#if N > 4
    RESOURCE(16)
#endif
#if N > 5
    RESOURCE(32)
#endif
#if N > 6
    RESOURCE(64)
#endif
#if N > 7
    RESOURCE(128)
#endif
#if N > 8
    RESOURCE(256)
#endif
    od
}
