import type { ImageFactsSource } from '../images/image-facts.ts';
import { fragmentImports } from './fragment-imports.ts';
import { carriers, type CceOptions, generateCce, generationOf } from './generate.ts';
import type { CceInput } from './input-units.ts';
import type { CceContainer, CceWarning } from './policy-model.ts';
import { requireFragmentNamespace, writeFragment } from './write-fragment.ts';

/** A fragment to be signed. */
export interface GeneratedFragment {
  readonly text: string;
  readonly base64: string;
  readonly sha256: string;
  readonly containers: readonly CceContainer[];
  readonly warnings: readonly CceWarning[];
}

/**
 * Makes the text of a policy fragment with the containers of an input: no pause container, and only the imports that
 * `options.fragments` names. Signing (COSE_Sign1, content type `application/unknown+rego`) is up to whoever holds the
 * key.
 * @throws RequestError CCE_NAMESPACE_INVALID, CCE_OPTION_INVALID; and what `generateCce` throws
 */
export async function generateFragment(
  input: CceInput,
  images: ImageFactsSource,
  { namespace, svn, ...options }: CceOptions & { readonly namespace: string; readonly svn: string },
): Promise<GeneratedFragment> {
  requireFragmentNamespace(namespace);
  const policies = await generateCce(input, images, options);
  const containers = policies.flatMap((policy) => policy.containers);
  const fragments = fragmentImports({ fragments: options.fragments, excludeDefaultFragments: true, compatible: false });
  const parts = { namespace, svn, containers, fragments, generation: generationOf(options) };
  const text = writeFragment(parts, options.containersFormat);
  return { text, ...carriers(text), containers, warnings: policies.flatMap((policy) => policy.warnings) };
}
