import { errorMessage, RequestError } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

/** Writes a file, or says which one cannot be written. */
export async function writeOutput(file: string, name: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFileAtomic(file, content);
  } catch (cause) {
    throw new RequestError('POLICY_OUTPUT_UNWRITABLE', `${name} cannot be written: ${errorMessage(cause)}`, {
      cause,
      action: 'Name a file in a folder you may write to.',
    });
  }
}
