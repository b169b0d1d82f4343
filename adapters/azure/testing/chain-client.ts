/**
 * A program for tests: gets a token through `chainCredentials` with the environment it was started with, and prints one
 * JSON line. The SDKs choose the identity endpoint once per process, so every case needs a process of its own.
 * Output: `{"token": …}` or `{"code", "attempts"}`.
 */
import { AzureError, chainCredentials } from '../src/index.ts';

try {
  const credential = chainCredentials({ env: process.env });
  const token = await credential.getToken('https://management.azure.com/.default');
  process.stdout.write(`${JSON.stringify({ token: token?.token })}\n`);
} catch (thrown) {
  const { code, details } = thrown instanceof AzureError ? thrown : { code: String(thrown), details: {} };
  process.stdout.write(`${JSON.stringify({ code, attempts: (details as Record<string, unknown>)['attempts'] })}\n`);
}
process.exit(0);
