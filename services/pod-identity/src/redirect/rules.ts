/** Where requests to the metadata service go instead. */
export interface Redirection {
  readonly metadataAddress: string;
  readonly metadataPort: number;
  /** Address that the node's server listens on; the loopback address when that is every address. */
  readonly listenAddress: string;
  readonly listenPort: number;
}

export type RedirectTool = 'nftables' | 'iptables';

/** One program to run, with what it reads. */
export interface RedirectCommand {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly input?: string;
  /** Whether it may fail: what it removes may not be there. */
  readonly mayFail?: boolean;
}

/** Chain of the reference, so that either finds the rules of the other. */
export const CHAIN = 'aad-metadata';
export const GUARD = 'aad-metadata-guard';
export const TABLE = 'holdfast_pod_identity';

/** The address that packets are sent to. */
export function targetOf({ listenAddress, listenPort }: Redirection): string {
  return `${listenAddress === '0.0.0.0' ? '127.0.0.1' : listenAddress}:${listenPort}`;
}

/**
 * The rules as text for `nft -f`: replaces the table as a whole in one transaction. Packets of pods to the metadata service go to
 * the node's server; since the kernel is told to route loopback addresses for that, packets that come from outside with
 * one are dropped before.
 */
export function nftablesRules(redirection: Redirection): string {
  const { metadataAddress, metadataPort } = redirection;
  return [
    `table ip ${TABLE}`,
    `delete table ip ${TABLE}`,
    `table ip ${TABLE} {`,
    `\tchain ${CHAIN} {`,
    `\t\tip saddr != 127.0.0.1 ip daddr ${metadataAddress} tcp dport ${metadataPort} dnat to ${targetOf(redirection)}`,
    '\t\treturn',
    '\t}',
    '\tchain guard {',
    '\t\ttype filter hook prerouting priority -300; policy accept;',
    '\t\tiifname != "lo" ip daddr 127.0.0.0/8 drop',
    '\t}',
    '\tchain prerouting {',
    '\t\ttype nat hook prerouting priority -101; policy accept;',
    `\t\tjump ${CHAIN}`,
    '\t}',
    '}',
    '',
  ].join('\n');
}

/** What puts the rules in place, from whatever state. */
export function applyCommands(tool: RedirectTool, redirection: Redirection): readonly RedirectCommand[] {
  if (tool === 'nftables') return [{ program: 'nft', arguments: ['-f', '-'], input: nftablesRules(redirection) }];
  const { metadataAddress, metadataPort } = redirection;
  return [
    ...removeCommands(tool),
    iptables('raw', '-N', GUARD),
    iptables('raw', '-A', GUARD, '!', '-i', 'lo', '-d', '127.0.0.0/8', '-j', 'DROP'),
    iptables('raw', '-I', 'PREROUTING', '1', '-j', GUARD),
    iptables('nat', '-N', CHAIN),
    iptables(
      'nat',
      '-A',
      CHAIN,
      '-p',
      'tcp',
      '!',
      '-s',
      '127.0.0.1/32',
      '-d',
      `${metadataAddress}/32`,
      '--dport',
      String(metadataPort),
      '-j',
      'DNAT',
      '--to-destination',
      targetOf(redirection),
    ),
    iptables('nat', '-A', CHAIN, '-j', 'RETURN'),
    iptables('nat', '-I', 'PREROUTING', '1', '-j', CHAIN),
  ];
}

/** What takes the rules away; what is not there stays so. */
export function removeCommands(tool: RedirectTool): readonly RedirectCommand[] {
  if (tool === 'nftables') {
    const input = `table ip ${TABLE}\ndelete table ip ${TABLE}\n`;
    return [{ program: 'nft', arguments: ['-f', '-'], input }];
  }
  const chains = [
    ['nat', CHAIN],
    ['raw', GUARD],
  ] as const;
  return chains.flatMap(([table, chain]) =>
    [
      ['-D', 'PREROUTING', '-j', chain],
      ['-F', chain],
      ['-X', chain],
    ].map((words) => ({ ...iptables(table, ...words), mayFail: true })),
  );
}

/** What lists the rules: fails when they are not there. */
export function listCommand(tool: RedirectTool): RedirectCommand {
  return tool === 'nftables'
    ? { program: 'nft', arguments: ['list', 'table', 'ip', TABLE] }
    : iptables('nat', '-S', CHAIN);
}

/** Whether a listing says what it should: the right target, once, and nothing besides. */
export function isComplete(tool: RedirectTool, listing: string, redirection: Redirection): boolean {
  const lines = listing.split('\n').filter((line) => line.trim() !== '');
  const { metadataAddress } = redirection;
  const ours = lines.filter((line) => line.includes(metadataAddress) && line.includes(targetOf(redirection)));
  if (ours.length !== 1) return false;
  return tool === 'nftables' ? listing.includes(`jump ${CHAIN}`) && listing.includes('drop') : lines.length === 3;
}

function iptables(table: string, ...words: readonly string[]): RedirectCommand {
  // Others change rules at the same time: wait for the lock.
  return { program: 'iptables', arguments: ['-w', '5', '-t', table, ...words] };
}
