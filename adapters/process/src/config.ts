import { readFileSync } from 'node:fs';

import { ConfigError, errorMessage } from '@holdfast/base';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources<S extends z.ZodObject> {
  readonly schema: S;
  /** The process environment; only keys that the schema knows are read. */
  readonly env: Environment;
  /** A JSON file whose members win over the environment. */
  readonly file?: string;
  /** The lowest layer. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/**
 * The typed, frozen configuration of one service: defaults, then environment, then file, checked once with every problem
 * reported together. Environment text for a setting that takes no text is typed as the UID2 operator reference does:
 * true/false in any case, numbers, and JSON arrays and objects become values.
 * @throws ConfigError CONFIG_UNREADABLE when the file cannot be read or is no JSON object
 * @throws ConfigError CONFIG_INVALID listing all problems with their paths
 */
export function loadConfig<S extends z.ZodObject>(sources: ConfigSources<S>): z.output<S> {
  const merged: Record<string, unknown> = { ...sources.defaults };
  for (const [key, setting] of Object.entries(sources.schema.shape)) {
    const text = sources.env[key];
    // A setting that takes texts keeps the text: "5.70" is a version, not the number 5.7.
    if (text !== undefined) merged[key] = z.safeParse(setting, text).success ? text : typedEnvironmentValue(text);
  }
  if (sources.file !== undefined) Object.assign(merged, readConfigFile(sources.file));
  const parsed = sources.schema.safeParse(merged);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'configuration'}: ${issue.message}`);
    throw new ConfigError('CONFIG_INVALID', problems, {
      action: 'Correct the named settings in the configuration file or the environment.',
    });
  }
  Object.freeze(parsed.data);
  return parsed.data;
}

function readConfigFile(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError('CONFIG_UNREADABLE', [`cannot read configuration file ${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Check that the file exists, is readable by this user and holds a JSON object.',
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError('CONFIG_UNREADABLE', [`configuration file ${file} does not hold a JSON object`], {
      action: 'Write the settings as members of one JSON object.',
    });
  }
  return value as Record<string, unknown>;
}

function typedEnvironmentValue(text: string): unknown {
  if (/^true$/i.test(text)) return true;
  if (/^false$/i.test(text)) return false;
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text)) return Number(text);
  if (/^[[{]/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text; // not JSON after all: an ordinary text that happens to begin with a bracket
    }
  }
  return text;
}
