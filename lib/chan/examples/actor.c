/*
 * actor.c - an actor: a thread that alone owns its state and obeys commands. No lock is needed, and
 * commands are obeyed in the order in which they were sent.
 *
 * Output:
 *     processed 5, the total is 5
 *     processed 7, the total is 12
 *     shut down at 12
 *     a command after that: closed
 */
#include <chan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct command {
    enum { PROCESS, SHUTDOWN } kind;
    int amount; /* PROCESS */
};

static void must(enum chan_status status)
{
    if (status == CHAN_OK)
        return;
    fprintf(stderr, "actor: %s\n", chan_status_name(status));
    exit(1);
}

static void *run(void *arg)
{
    chan_rx *commands = arg;
    struct command command;
    int total = 0;

    CHAN_FOR_EACH(commands, &command)
    {
        switch (command.kind) {
        case PROCESS:
            total += command.amount;
            printf("processed %d, the total is %d\n", command.amount, total);
            break;
        case SHUTDOWN:
            printf("shut down at %d\n", total);
            chan_rx_drop(commands); /* what was sent behind it is destroyed */
            return NULL;
        }
    }
    chan_rx_drop(commands); /* all who could send commands have gone */
    return NULL;
}

int main(void)
{
    struct chan_options options = {.size = sizeof(options),
                                   .capacity = 16,
                                   .elem_size = sizeof(struct command),
                                   .name = "commands"};
    enum chan_status status;
    pthread_t actor;
    chan_tx *tx;
    chan_rx *rx;

    must(chan_open(&options, &tx, &rx));
    if (pthread_create(&actor, NULL, run, rx) != 0)
        return 1;
    must(chan_send(tx, &(struct command){.kind = PROCESS, .amount = 5}));
    must(chan_send(tx, &(struct command){.kind = PROCESS, .amount = 7}));
    must(chan_send(tx, &(struct command){.kind = SHUTDOWN}));
    pthread_join(actor, NULL);
    status = chan_send(tx, &(struct command){.kind = PROCESS, .amount = 1});
    printf("a command after that: %s\n", chan_status_name(status));
    chan_tx_drop(tx);
    return 0;
}
