// Where every thread of the operator begins. Plain JavaScript: for a single source with types Node would load what takes types out,
// in each thread anew, before the compiled sources are found.
import module from 'node:module';
import { workerData } from 'node:worker_threads';

const { compiledSources, program } = workerData;
if (compiledSources !== undefined) module.enableCompileCache?.(compiledSources);
await import(program);
