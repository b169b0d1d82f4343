import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2), process.env, {
  data: (text) => process.stdout.write(`${text}\n`),
  say: (line) => process.stderr.write(`${line}\n`),
});
