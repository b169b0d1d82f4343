import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  BENCH_USAGE_INVALID: {
    family: 'request',
    meaning: 'The command line of the load generator names something it does not know, or lacks something it needs.',
    action: 'Correct the argument that the message names; `npm run bench -- --help` shows all of them.',
  },
  BENCH_OPERATOR_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The operator could not be connected to, or did not answer the first request in time.',
    action: 'Check that the operator runs at this address, and that --timeout is long enough for one batch.',
  },
  BENCH_OPERATOR_REFUSED: {
    family: 'request',
    meaning: 'The operator answered the first request of a connection with an error.',
    action: 'Read what it answered: a wrong key or secret, a missing role, a clock that is off, a batch over 1 MiB.',
  },
  BENCH_REPLY_INVALID: {
    family: 'verification',
    meaning: 'A reply could not be decrypted, answers another request, or does not hold what the endpoint promises.',
    action: 'Check that the client secret belongs to the API key and that the address is that of a UID2 operator.',
  },
  BENCH_SERVER_PID_INVALID: {
    family: 'request',
    meaning: 'The process of --server-pid does not exist, or this system is no Linux.',
    action: 'Give --server-pid the id of the running server, on the same Linux machine.',
  },
  BENCH_PROCESS_FAILED: {
    family: 'dependency',
    meaning: 'A process of the load generator ended before it delivered its result.',
    action: 'Look at what it wrote to stderr; memory for --batch times --connections may be short.',
  },
};
