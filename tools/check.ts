import { spawnSync } from 'node:child_process';

/** Everything `npm run check` demands, fastest first. Each runs even when an earlier one failed, so one run shows all. */
const steps: readonly { readonly name: string; readonly command: string; readonly args: readonly string[] }[] = [
  { name: 'format', command: 'oxfmt', args: ['--check', '.'] },
  { name: 'boundaries', command: 'node', args: ['tools/check-boundaries.ts'] },
  { name: 'reference', command: 'node', args: ['tools/generate-reference.ts', '--check'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings', '.'] },
  { name: 'types', command: 'tsc', args: [] },
];

const failed = steps.filter((step) => {
  const { status } = spawnSync(step.command, step.args, { stdio: 'inherit', shell: process.platform === 'win32' });
  process.stderr.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${step.name}\n`);
  return status !== 0;
});
process.exitCode = failed.length === 0 ? 0 : 1;
