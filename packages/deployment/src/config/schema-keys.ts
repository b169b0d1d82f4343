import { z } from 'zod';

import type { ConfigPath } from './yaml-places.ts';

/** A part of a JSON Schema, as far as it is read here. */
export interface SettingSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly SettingSchema[];
  readonly items?: SettingSchema;
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
}

/** The JSON Schema of what may be written for a schema. */
export function settingSchema(schema: z.ZodType): SettingSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SettingSchema;
}

/** Names of the settings that may stand at a path. */
export function keysAt(schema: z.ZodType, path: ConfigPath): readonly string[] {
  let parts: readonly SettingSchema[] = [settingSchema(schema)];
  for (const step of path) {
    parts = parts.flatMap((part) => {
      const next = typeof step === 'number' ? part.items : part.properties?.[step];
      return next === undefined ? [] : (next.anyOf ?? [next]);
    });
  }
  return [...new Set(parts.flatMap((part) => Object.keys(part.properties ?? {})))];
}
