import type { InspectFlags } from '../commands/evidence.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { describe } from './describe.ts';
import { readInputs } from './read-inputs.ts';
import { renderFacts } from './render.ts';

/** `holdfast evidence inspect`: what files are and what they claim. */
export async function runInspect(context: CliContext, flags: InspectFlags, ...paths: string[]): Promise<void> {
  const { io } = context;
  const inputs = await readInputs(paths, io.cwd);
  const described = inputs.map((input) => ({ input, facts: describe(input.item) }));
  if (flags.json) {
    const items = described.map(({ input, facts }) => ({ file: input.file, kind: input.item.kind, facts }));
    writeJson(io, { version: 1, items });
    return;
  }
  for (const [index, { input, facts }] of described.entries()) {
    if (index > 0) io.stdout.write('\n');
    renderFacts(input, facts, io);
  }
}
