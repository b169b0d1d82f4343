import { fileURLToPath } from 'node:url';

import type { CliIo, OutputStream } from './context.ts';
import { runCli } from './run-cli.ts';

/** How long open handles may keep the process after a command is done, milliseconds. */
const LINGER_MS = 500;

/** Runs the command of this process's arguments and sets its exit code. */
export async function main(host: NodeJS.Process): Promise<void> {
  host.exitCode = await runCli(host.argv.slice(2), processIo(host));
  host.stdin.destroy();
  setTimeout(() => host.exit(), LINGER_MS).unref();
}

function processIo(host: NodeJS.Process): CliIo {
  return {
    stdout: output(host.stdout),
    stderr: output(host.stderr),
    stdin: host.stdin,
    env: host.env,
    cwd: host.cwd(),
    serveCommand: [host.execPath, fileURLToPath(new URL('../bin/holdfast.mjs', import.meta.url)), 'serve'],
    onStopRequest(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) host.on(signal, listener);
      return () => {
        for (const signal of signals) host.off(signal, listener);
      };
    },
    exit: (code) => host.exit(code),
  };
}

function output(stream: NodeJS.WriteStream): OutputStream {
  // A reader that went away (head, less, a closed terminal) is no failure of ours.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
  return { write: (text) => void stream.write(text), isTerminal: stream.isTTY };
}
