import { describe, expect, it } from 'vitest';

import { capture } from './captured-io.ts';

describe('holdfast --help', () => {
  it('lists the commands', async () => {
    const { exitCode, stdout, stderr } = await capture(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "USAGE
        holdfast up [--check] [--ready-file FILE] [--home DIR] [--port-base N] [--salts N] [--only PARTS]... [--keep-policy] [--json]
        holdfast down [--home DIR] [--json]
        holdfast serve [--config FILE] [--until-stdin-closes] [--json] <SERVICE>
        holdfast uid2 token|map|decrypt|site|client|operator|enclave|keyset|key|keypair|service|service-link|cloud-key|salt|view|export|import ...
        holdfast evidence inspect|verify ...
        holdfast key create|import|list|show|policy|release ...
        holdfast policy generate|measure|inspect|explain|diff|verify|layer|evaluate|fragment ...
        holdfast doctor [--file FILE] [--only IDS]... [--target azure|local] [--home DIR] [--kubeconfig FILE] [--offline] [--strict] [--verbose] [--json]
        holdfast plan [--file FILE] [--target azure|local] [--home DIR] [--json] [--out FILE]
        holdfast apply [--file FILE] [--target azure|local] [--home DIR] [--json] [--stage STAGE] [--adopt] [--recover-vault] [--yes] [<PLAN>]
        holdfast status [--file FILE] [--target azure|local] [--home DIR] [--json] [--watch] [--verbose]
        holdfast diagnose [--file FILE] [--target azure|local] [--home DIR] [--json] [--namespace NAME] [<POD>]
        holdfast upgrade operator|virtual-node|kubernetes ...
        holdfast rollback operator ...
        holdfast rotate-key [--file FILE] [--target azure|local] [--home DIR] [--json] [--yes] [--key-file FILE] [--key-env NAME] [--finish] [--rollback]
        holdfast destroy [--file FILE] [--target azure|local] [--home DIR] [--json] [--yes] [--keep-vault] [--purge] [--remove-pool]
        holdfast export arm|yaml|all ...
        holdfast release build|inspect ...
        holdfast identity add|list|delete|exception|detect|redirect ...
        holdfast initdata build|inspect|measure ...
        holdfast peer-pods check|explain|configure|advertise|withdraw|run|seal ...
        holdfast trustee resource|policy|reference-value ...
        holdfast sample encrypted-kafka|vote ...
        holdfast --help
        holdfast --version

      Run confidential workloads: an attested UID2 private operator and everything around it.

      FLAGS
        -h --help     Print help information and exit
        -v --version  Print version information and exit
           --         All subsequent inputs should be interpreted as arguments

      COMMANDS
        up          Bring up the local confidential cloud with an attested UID2 private operator
        down        Stop the local cloud that runs in a home folder
        serve       Run one service in the foreground, as containers do
        uid2        Talk to an operator as a UID2 client, and administer its world
        evidence    Look at attestation evidence and judge it
        key         Keys that a vault releases to attested environments
        policy      Generate, measure, explain and compare confidential policies
        doctor      Check a deployment before it is made
        plan        Show what an apply would do
        apply       Make a deployment, or bring it to what the configuration says
        status      Show what of a deployment is there, and how it is
        diagnose    Say why a pod fails, and what to do
        upgrade     Replace the operator, the virtual node or the version of Kubernetes
        rollback    Take an upgrade back
        rotate-key  Replace the operator key
        destroy     Remove a deployment
        export      Write a deployment as ARM templates and Kubernetes YAML
        release     Build and verify releases of our own operator
        identity    Pod identities of a cluster, and the way to workload identity
        initdata    Write, read and measure initdata of confidential pods
        peer-pods   OpenShift peer pods on Azure: settings, what pods become, and a guest to try
        trustee     Administration of a Trustee key broker
        sample      Complete examples that run on this machine
      "
    `);
  });

  it('explains up', async () => {
    expect((await capture(['up', '--help'])).stdout).toMatchInlineSnapshot(`
      "USAGE
        holdfast up [--check] [--ready-file FILE] [--home DIR] [--port-base N] [--salts N] [--only PARTS]... [--keep-policy] [--json]
        holdfast up --help

      Starts Azure endpoints, an attestation service, UID2 Core and Opt-Out with a seeded world, and a virtual node that runs the operator from its manifest, all on loopback. Ctrl-C stops everything.

      FLAGS
           [--check]        Bring everything up, prove it, stop, and exit with 0 or 1                                      [default = false]
           [--ready-file]   Write addresses and credentials here once everything is ready
           [--home]         Home folder of the local cloud (./.holdfast)
           [--port-base]    First of eleven ports in a row, instead of 8080, 9080, …
           [--salts]        Number of salts of a new world (1048576)
           [--only]...      Start only these parts: azure, attestation, core, optout, operator                             [separator = ,]
           [--keep-policy]  Run the manifest's policy as it is, also when images have changed and it no longer admits them [default = false]
           [--json]         Write JSON to standard output, also when it fails                                              [default = false]
        -h  --help          Print help information and exit
            --              All subsequent inputs should be interpreted as arguments
      "
    `);
  });

  it('explains serve', async () => {
    expect((await capture(['serve', '--help'])).stdout).toMatchInlineSnapshot(`
      "USAGE
        holdfast serve [--config FILE] [--until-stdin-closes] [--json] <SERVICE>
        holdfast serve --help

      Settings come from the environment and from --config. Log lines are JSON on standard output. SIGTERM stops the service in order; exit codes are 0 for a clean stop, 78 for configuration, and the service's own otherwise.

      FLAGS
           [--config]              JSON file with settings; its values win over the environment
           [--until-stdin-closes]  Stop when standard input ends, as when the parent process is gone [default = false]
           [--json]                Write JSON to standard output, also when it fails                 [default = false]
        -h  --help                 Print help information and exit
            --                     All subsequent inputs should be interpreted as arguments

      ARGUMENTS
        SERVICE  operator, core, optout, attestation, skr, webhook, pod-identity, pod-identity-controller, identity-proxy, secrets-store, vote, trustee, encrypted-kafka-consumer, encrypted-kafka-producer
      "
    `);
  });

  it('explains uid2 token', async () => {
    expect((await capture(['uid2', 'token', '--help'])).stdout).toMatchInlineSnapshot(`
      "USAGE
        holdfast uid2 token [--email X] [--email-hash X] [--phone X] [--phone-hash X] [--operator URL] [--home DIR] [--json]
        holdfast uid2 token --help

      Writes the token to standard output; exits with 1 for an identity that opted out. API key and secret come from UID2_API_KEY and UID2_CLIENT_SECRET, or from the home folder of the local cloud.

      FLAGS
           [--email]       E-mail address
           [--email-hash]  Base64 SHA-256 of the normalised address
           [--phone]       Phone number, such as +12345678901
           [--phone-hash]  Base64 SHA-256 of the phone number
           [--operator]    Address of the operator (UID2_BASE_URL, or the local one)
           [--home]        Home folder of the local cloud (./.holdfast)
           [--json]        Write JSON to standard output, also when it fails         [default = false]
        -h  --help         Print help information and exit
            --             All subsequent inputs should be interpreted as arguments
      "
    `);
  });
});

describe('holdfast --version', () => {
  it('prints the version and nothing else', async () => {
    expect(await capture(['--version'])).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });
});

describe('usage errors', () => {
  it.each([
    [['upp']],
    [['up', '--chek']],
    [['up', '--salts', 'many']],
    [['up', '--home']],
    [['up', 'extra']],
    [['serve']],
    [['serve', 'nothing']],
    [['uid2', 'map', '--as', 'name', 'x']],
  ])('%j exits with 64 and says nothing on standard output', async (args) => {
    const { exitCode, stdout, stderr } = await capture(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).toMatch(/^holdfast: .+ \[USAGE\]\n$/);
    expect(stderr.trimEnd()).not.toContain('\n');
  });

  it('say what was seen, what was expected and what to do', async () => {
    expect((await capture(['up', '--chek'])).stderr).toMatchInlineSnapshot(`
      "holdfast: there is no option --chek; did you mean --check? Run holdfast --help, or the command with --help, to see what there is. [USAGE]
      "
    `);
    expect((await capture(['serve', 'nothing'])).stderr).toMatchInlineSnapshot(`
      "holdfast: there is no service "nothing"; there are operator, core, optout, attestation, skr, webhook, pod-identity, pod-identity-controller, identity-proxy, secrets-store, vote, trustee, encrypted-kafka-consumer, encrypted-kafka-producer. Run holdfast --help, or the command with --help, to see what there is. [USAGE]
      "
    `);
    expect((await capture(['up', '--salts', 'many'])).stderr).toMatchInlineSnapshot(`
      "holdfast: --salts: "many" is not a whole number. Run holdfast --help, or the command with --help, to see what there is. [USAGE]
      "
    `);
    expect((await capture(['uid2', 'map', '--as', 'name', 'x'])).stderr).toMatchInlineSnapshot(`
      "holdfast: --as cannot be "name"; it is one of email, email-hash, phone, phone-hash. Run holdfast --help, or the command with --help, to see what there is. [USAGE]
      "
    `);
  });

  it('are JSON on standard output with --json', async () => {
    const { exitCode, stdout, stderr } = await capture(['up', '--salts', 'many', '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 64, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'USAGE',
        message: expect.stringContaining('"many"') as string,
        action: expect.any(String) as string,
      },
    });
  });
});
