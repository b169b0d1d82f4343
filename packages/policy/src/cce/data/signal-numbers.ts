/** Linux signal numbers (signal(7), x86) by the names that image configurations use. */
export const signalNumbers: ReadonlyMap<string, number> = new Map(
  [
    'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM',
    'SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO',
    'SIGPWR SIGSYS',
  ]
    .join(' ')
    .split(' ')
    .map((name, index): [string, number] => [name, index + 1])
    .concat([
      ['SIGIOT', 6],
      ['SIGUNUSED', 31],
    ]),
);
