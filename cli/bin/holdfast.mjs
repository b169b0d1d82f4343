#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read too: they are told what is missing, in one sentence.
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const REQUIRED_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < REQUIRED_MAJOR) {
  process.stderr.write(
    `holdfast: this is Node ${process.versions.node} and holdfast needs ${REQUIRED_MAJOR} or later; ` +
      'run it through npm (npm start, npm exec holdfast), which uses the Node that npm ci installed, or install Node 24.\n',
  );
  process.exitCode = 1;
} else {
  // Keeps stripped and compiled sources between runs, in a folder that nobody else can write. Without it each start
  // of each service strips all types again. Where the folder cannot be written, nothing is kept.
  module.enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/holdfast', import.meta.url)));
  const { main } = await import('../src/main.ts');
  await main(process);
}
