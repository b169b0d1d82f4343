import { readFile } from 'node:fs/promises';

import { choosesKubenet } from '@holdfast/admission';
import { ConfigError, errorMessage } from '@holdfast/base';

/**
 * Refuses nodes whose kubelet uses kubenet. Only its flags are looked at: kubenet with Calico is refused as well, although safe.
 * @throws ConfigError NMI_KUBENET
 */
export async function refuseKubenet(kubeletConfig: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(kubeletConfig, 'utf8');
  } catch (cause) {
    const problem = `failed to check if CNI plugin is kubenet, error: ${errorMessage(cause)}`;
    throw new ConfigError('NMI_KUBENET', [problem], {
      cause,
      action: 'Mount the file named by kubelet-config, or set allow-network-plugin-kubenet.',
    });
  }
  if (!choosesKubenet(text)) return;
  throw new ConfigError('NMI_KUBENET', ['AAD Pod Identity is not supported for Kubenet'], {
    action: 'Use Azure CNI, or accept the risk (CVE-2021-1677) with allow-network-plugin-kubenet.',
  });
}
