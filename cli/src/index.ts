export type { CliIo, OutputStream } from './context.ts';
export { errorCodes } from './error-codes.ts';
export { runCli } from './run-cli.ts';
