import { execFile } from 'node:child_process';

/** Ends connections to the metadata service that began before the redirection: they would go on past it. */
export async function forgetConnections(metadataAddress: string): Promise<{ readonly problem?: string }> {
  return await new Promise((resolve) => {
    execFile('conntrack', ['-D', '-d', metadataAddress], { timeout: 20_000 }, (error, _stdout, stderr) => {
      // It ends with 1 and a count of zero when there was none.
      if (error === null || /0 flow entries/.test(stderr)) resolve({});
      else resolve({ problem: stderr.trim() === '' ? error.message : stderr.trim().slice(0, 300) });
    });
  });
}
