import pino from 'pino';

export type Logger = pino.Logger;

export interface LoggerOptions {
  readonly name: string;
  readonly level?: string;
  /** Where lines go; standard output when missing. */
  readonly destination?: pino.DestinationStream;
}

/** Members that never reach a log, wherever a careless call puts them. */
const REDACTED = [
  'authorization',
  'secret',
  'token',
  'key',
  'password',
  '*.authorization',
  '*.secret',
  '*.token',
  '*.password',
  'headers.authorization',
  'headers["attestation-token"]',
  'headers["attestation-jwt"]',
];

/** One JSON object per line: time, level, name, message and the chosen fields. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level ?? 'info',
    base: { service: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[secret]' },
  };
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: true }));
}
