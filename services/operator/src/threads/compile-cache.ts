import module from 'node:module';
import { dirname } from 'node:path';

/** What every thread of the operator is started with, beside what its program asks for. */
export interface CompiledSources {
  /** The folder of compiled sources; undefined when none are kept. */
  readonly compiledSources: string | undefined;
}

/** The folder in which this thread keeps compiled sources; undefined when it keeps none. For `keepCompiledSources`. */
export function compiledSourcesFolder(): string | undefined {
  const versioned = module.getCompileCacheDir?.();
  return versioned === undefined ? undefined : dirname(versioned);
}

/** Makes a thread use compiled sources too, which it does not inherit: it then starts in half the time. */
export function keepCompiledSources({ compiledSources: folder }: CompiledSources): void {
  if (folder !== undefined) module.enableCompileCache?.(folder);
}
