import { z } from 'zod';

import { readJson } from '../manifests/json-syntax.ts';
import { invalidInput } from './input-values.ts';
import type { CceContainer } from './policy-model.ts';

const texts = z.array(z.string());
const signals = z.array(z.int().nonnegative());
const idName = z.strictObject({ pattern: z.string(), strategy: z.enum(['any', 'id', 'name', 're2']) });

const container = z.strictObject({
  id: z.string().exactOptional(),
  name: z.string().exactOptional(),
  layers: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1),
  command: texts.nullable(),
  env_rules: z.array(
    z.strictObject({ pattern: z.string(), strategy: z.enum(['string', 're2']), required: z.boolean() }),
  ),
  working_dir: z.string(),
  mounts: z.array(z.strictObject({ destination: z.string(), options: texts, source: z.string(), type: z.string() })),
  allow_elevated: z.boolean(),
  exec_processes: z.array(z.strictObject({ command: texts, signals })),
  signals,
  user: z.strictObject({
    user_idname: idName,
    group_idnames: z.array(idName),
    umask: z.string().regex(/^[0-7]{4}$/),
  }),
  capabilities: z
    .strictObject({ bounding: texts, effective: texts, inheritable: texts, permitted: texts, ambient: texts })
    .nullable(),
  seccomp_profile_sha256: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  allow_stdio_access: z.boolean(),
  no_new_privileges: z.boolean(),
  platform: z.string().exactOptional(),
});

/**
 * Reads finished container definitions from JSON: a list, or one definition. A member that is missing, unknown or of a
 * wrong kind is refused, so that nothing enters a policy unseen.
 * @throws MalformedError CCE_INPUT_INVALID; also the codes of `readJson`
 */
export function readContainerDefinitions(json: string | Uint8Array): readonly CceContainer[] {
  const { value } = readJson(json).root;
  const parsed = z.array(container).safeParse(Array.isArray(value) ? value : [value]);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalidInput(`container definition ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}
