export { loadConfig } from './config.ts';
export type { ConfigSources, Environment } from './config.ts';
export { errorCodes } from './error-codes.ts';
export { createLogger } from './logger.ts';
export type { Logger, LoggerOptions } from './logger.ts';
export { EXIT_CONFIG, EXIT_FAILED, EXIT_OK, EXIT_USAGE, exitCodeOf, runService } from './run-service.ts';
export type { ExitCodes, RunningService, RunServiceOptions, ServiceHost, StartService } from './run-service.ts';
export { writeFileAtomic } from './write-file-atomic.ts';
export type { WriteFileOptions } from './write-file-atomic.ts';
