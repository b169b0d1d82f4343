import type { Cause, PlatformProfile } from '@holdfast/policy';

import type { CliIo } from '../context.ts';
import { say } from './terminal.ts';

/** Where it is known from that the platform adds a variable. */
export function saySources(io: CliIo, causes: readonly Cause[], profile: PlatformProfile): void {
  const names = new Set(
    causes.flatMap(({ predicate, offending = [] }) => (predicate === 'environment' ? offending : [])),
  );
  const injected = profile.variables.filter(({ name }) => names.has(name));
  if (injected.length === 0) return;
  say(io);
  say(io, `Added by the platform (${profile.description}):`);
  for (const { name, since, source, date } of injected) {
    say(io, `  ${name}: ${since === 'today' ? 'seen in running groups' : 'announced'}; ${source}, as of ${date}`);
  }
}
