import module from 'node:module';
import { dirname } from 'node:path';

/** The folder in which this thread keeps compiled sources; undefined when it keeps none. For `keepCompiledSources`. */
export function compiledSourcesFolder(): string | undefined {
  const versioned = module.getCompileCacheDir?.();
  return versioned === undefined ? undefined : dirname(versioned);
}

/** Makes a thread use compiled sources too, which it does not inherit: it then starts in half the time. */
export function keepCompiledSources(folder: string | undefined): void {
  if (folder !== undefined) module.enableCompileCache?.(folder);
}
