import { UnsupportedError } from '@holdfast/base';
import {
  createKataEnforcer,
  lintKataPolicy,
  lintRules,
  measureCceText,
  parseKataPolicy,
  profileOfData,
  verifyKataPod,
} from '@holdfast/policy';
import type { KataDecision, KataPolicyData, KataPolicyDocument, KataRuntimeNames } from '@holdfast/policy';

import type { Finding } from './terminal.ts';

/** What a Kata policy is, when it has data; policies of constants alone have none. */
export function kataDocument(text: string): KataPolicyDocument | undefined {
  return text.includes('\npolicy_data := ') ? parseKataPolicy(text) : undefined;
}

/** Findings about a Kata policy by itself. */
export function kataFindings(text: string): readonly Finding[] {
  const document = kataDocument(text);
  const found = document === undefined ? lintRules(text, measureCceText(text).sha256) : lintKataPolicy(document);
  return found.map(({ code, severity, path, message }) => ({
    code,
    severity,
    message,
    container: path === '' ? undefined : path,
  }));
}

/** How a Kata policy answers to a pod. */
export interface KataPrediction {
  /** False when the rules are none of those that are evaluated here. */
  readonly evaluated: boolean;
  readonly decisions: readonly KataDecision[];
}

/** Plays the requests of a pod, which is what `expected` says or, without it, what the policy itself describes. */
export function predictKata(text: string, expected: KataPolicyData | undefined): KataPrediction {
  const pod = expected ?? kataDocument(text)?.policyData;
  try {
    const enforcer = createKataEnforcer(text);
    if (pod === undefined) return { evaluated: true, decisions: [] };
    const profile = enforcer.profile === 'constant' ? profileOfData(pod) : enforcer.profile;
    return { evaluated: true, decisions: verifyKataPod(enforcer, pod, profile, namesFor(pod)) };
  } catch (cause) {
    if (cause instanceof UnsupportedError && cause.code === 'KATA_RULES_UNKNOWN')
      return { evaluated: false, decisions: [] };
    throw cause;
  }
}

/** Names that a node and a runtime could choose. */
function namesFor(pod: KataPolicyData): KataRuntimeNames {
  const annotations = pod.containers[0]?.OCI.Annotations ?? {};
  const name = annotations['io.kubernetes.cri.sandbox-name'] ?? 'pod-bcdfg';
  const namespace = annotations['io.kubernetes.cri.sandbox-namespace'] ?? '';
  return {
    podName: name
      .replaceAll(/^\^|\$$/gu, '')
      .replaceAll('\\', '')
      .replaceAll(/\[[a-z0-9]+\]\+/gu, 'bcdfg')
      .replaceAll('$(generated-name)', 'pod-bcdfg'),
    namespace: namespace === '' ? 'default' : namespace,
    podUid: '01234567-89ab-cdef-0123-456789abcdef',
    podIp: '10.0.0.7',
    hostIp: '10.0.0.1',
    nodeName: 'node',
    sandboxId: 'b'.repeat(64),
    bundleIds: pod.containers.map((_, index) => index.toString(16).padStart(64, '0')),
    extraVariables: ['KUBERNETES_SERVICE_HOST=10.0.0.1', 'KUBERNETES_PORT=tcp://10.0.0.1:443'],
  };
}
