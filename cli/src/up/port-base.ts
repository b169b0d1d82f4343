/**
 * First port of a local cloud from HOLDFAST_PORT_BASE, for where no `--port-base` can be given: a cloud that `apply` starts in the
 * background. NaN for what is no number, which `startLocalCloud` refuses.
 */
export function portBaseOf(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = env['HOLDFAST_PORT_BASE'] ?? '';
  return text === '' ? undefined : Number(text);
}
