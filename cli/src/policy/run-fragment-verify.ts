import { importOfFragment, verifyFragment } from '@holdfast/policy';

import type { FragmentVerifyFlags } from '../commands/policy-fragment.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readInputBytes } from './input-file.ts';
import { sayFragment } from './say-fragment.ts';

/** `holdfast policy fragment verify`: whether a signed fragment is its issuer's, and how a policy admits it. */
export async function runFragmentVerify({ io }: CliContext, flags: FragmentVerifyFlags, path: string): Promise<void> {
  const { name, bytes } = await readInputBytes(io, path);
  const fragment = verifyFragment(bytes, flags.at?.getTime());
  const admitted = importOfFragment(fragment);
  if (!flags.json) {
    sayFragment(io, name, fragment, admitted);
    return;
  }
  const { issuer, feed, svn = null, text } = fragment;
  writeJson(io, { version: 1, file: name, issuer, feed, svn, text, import: admitted });
}
