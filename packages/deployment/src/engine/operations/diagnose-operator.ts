import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { diagnosePod } from '../../diagnostics/diagnose-pod.ts';
import type { PodDiagnosis } from '../../diagnostics/diagnose-pod.ts';
import { gatherPodFacts } from '../../diagnostics/gather-pod-facts.ts';
import type { KubernetesPort } from '../ports.ts';
import { callOptions } from './context.ts';
import { podsOf, readSlots } from './slots.ts';

/** Looks at every pod of every version of the operator, the version that serves first. */
export async function diagnoseOperator(
  context: { readonly cluster: KubernetesPort; readonly signal?: AbortSignal },
  config: Uid2Vn2Config,
  now: number,
): Promise<readonly (PodDiagnosis & { readonly slot: string; readonly serves: boolean })[]> {
  const slots = await readSlots(context, config);
  const ordered = slots.all.toSorted((a, b) => Number(b === slots.active) - Number(a === slots.active));
  const found = [];
  for (const slot of ordered) {
    for (const { metadata } of await podsOf(context, slot)) {
      const facts = await gatherPodFacts(
        context.cluster,
        config.operator.namespace,
        metadata.name,
        now,
        callOptions(context),
      );
      found.push({ ...diagnosePod(facts), slot: slot.name, serves: slot === slots.active });
    }
  }
  return found;
}
