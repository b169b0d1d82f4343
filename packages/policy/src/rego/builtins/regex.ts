import { RegoArray } from '../value.ts';
import { integer, ternary, text, binary, unary, any } from './builtin.ts';
import type { BuiltinTable } from './builtin.ts';

/** Patterns are RE2, as in the reference engine. A pattern that is none gives no result. */
export const regexBuiltins: BuiltinTable = {
  'regex.match': binary(text, text, (pattern, value, { services, budget }) =>
    services.regexes.prepare(pattern, value.length, budget)?.test(value),
  ),
  'regex.is_valid': unary(
    any,
    (pattern, { services, budget }) =>
      typeof pattern === 'string' && services.regexes.prepare(pattern, 0, budget) !== undefined,
  ),
  'regex.split': binary(text, text, (pattern, value, { services, budget }) => {
    const compiled = services.regexes.prepare(pattern, value.length, budget);
    return compiled === undefined ? undefined : new RegoArray(compiled.split(value, -1));
  }),
  'regex.replace': ternary(text, text, text, (value, pattern, replacement, { services, budget }) => {
    const compiled = services.regexes.prepare(pattern, value.length, budget);
    if (compiled === undefined) return undefined;
    budget.spendText((value.length + 1) * (replacement.length + 1));
    return compiled.matcher(value).replaceAll(goTemplate(replacement));
  }),
  'regex.find_n': ternary(text, text, integer, (pattern, value, limit, { services, budget }) => {
    const matcher = services.regexes.prepare(pattern, value.length, budget)?.matcher(value);
    if (matcher === undefined) return undefined;
    const found: string[] = [];
    const most = limit < 0 ? Infinity : limit;
    while (found.length < most && matcher.find()) found.push(matcher.group() ?? '');
    budget.spend(found.length);
    return new RegoArray(found);
  }),
  'regex.find_all_string_submatch_n': ternary(text, text, integer, (pattern, value, limit, { services, budget }) => {
    const matcher = services.regexes.prepare(pattern, value.length, budget)?.matcher(value);
    if (matcher === undefined) return undefined;
    const found: RegoArray[] = [];
    const most = limit < 0 ? Infinity : limit;
    while (found.length < most && matcher.find()) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group) ?? '');
      budget.spend(groups.length);
      found.push(new RegoArray(groups));
    }
    return new RegoArray(found);
  }),
};

/** Go writes `$1` and `${name}`, and takes the longest name: `$1x` is the group called "1x", which is empty. */
function goTemplate(replacement: string): string {
  return replacement
    .replaceAll('\\', '\\\\')
    .replace(
      /\$(?:\{([0-9A-Za-z_]+)\}|([0-9A-Za-z_]+)|(\$))/g,
      (_, braced: string | undefined, bare: string | undefined) => {
        const name = braced ?? bare;
        if (name === undefined) return '\\$';
        return /^[0-9]+$/.test(name) ? `$${name}` : '';
      },
    );
}
