/**
 * The script that limits the archiver to the mailboxes of one group, run by a real PowerShell engine with stand-ins for Exchange's commands.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { infraFolder, powershellEngine, run, skipWithout, type Outcome } from './bicep.ts';

const CLIENT = '11111111-2222-3333-4444-555555555555';
const PRINCIPAL = '66666666-7777-8888-9999-000000000000';
const SCOPE = `Archiver ${CLIENT}`;
const ASSIGNMENT = `Archiver mail ${CLIENT}`;
const FILTER = "MemberOfGroup -eq 'CN=O''Hara users,OU=contoso'";

// An Exchange of three lists. Every command that changes something says so.
const EXCHANGE = `
$principals = [System.Collections.ArrayList]@()
$scopes = [System.Collections.ArrayList]@([pscustomobject]@{ Name = 'another scope'; RecipientFilter = 'x' })
$assignments = [System.Collections.ArrayList]@()
function Get-ServicePrincipal { $principals }
function Get-ManagementScope { $scopes }
function Get-ManagementRoleAssignment { $assignments }
function Get-Group { param($Identity) [pscustomobject]@{ DistinguishedName = "CN=O'Hara users,OU=contoso" } }
function New-ServicePrincipal { param($AppId, $ObjectId, $DisplayName) "changed: New-ServicePrincipal $AppId $ObjectId" | Out-Host; $null = $principals.Add([pscustomobject]@{ AppId = $AppId; ObjectId = $ObjectId }) }
function New-ManagementScope { param($Name, $RecipientRestrictionFilter) "changed: New-ManagementScope $Name $RecipientRestrictionFilter" | Out-Host; $null = $scopes.Add([pscustomobject]@{ Name = $Name; RecipientFilter = $RecipientRestrictionFilter }) }
function Set-ManagementScope { param($Identity, $RecipientRestrictionFilter) "changed: Set-ManagementScope $Identity $RecipientRestrictionFilter" | Out-Host }
function New-ManagementRoleAssignment { param($Name, $App, $Role, $CustomResourceScope) "changed: New-ManagementRoleAssignment $Name $App $Role $CustomResourceScope" | Out-Host; $null = $assignments.Add([pscustomobject]@{ Name = $Name }) }
function Remove-ManagementRoleAssignment { [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param($Identity) "changed: Remove-ManagementRoleAssignment $Identity" | Out-Host; $assignments.Clear() }
function Remove-ManagementScope { [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param($Identity) "changed: Remove-ManagementScope $Identity" | Out-Host; $scopes.RemoveAt(1) }
function Remove-ServicePrincipal { [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param($Identity) "changed: Remove-ServicePrincipal $Identity" | Out-Host; $principals.Clear() }
function Test-ServicePrincipalAuthorization { param($Identity, $Resource)
  [pscustomobject]@{ RoleName = 'Application Mail.ReadWrite'; InScope = "$($Resource -eq 'inside@contoso.com')" } }
`;

/** Runs the script once for each line of arguments, in one session. */
async function session(prelude: string, ...calls: readonly string[]): Promise<Outcome & { readonly changes: readonly string[] }> {
  const script = await readFile(join(infraFolder, 'grant-mailbox-access.ps1'), 'utf8');
  // The engine has no console: what the stand-ins say goes into a list that is given out in the end.
  const input = [
    '$said = [System.Collections.ArrayList]@()',
    'function Out-Host { process { $null = $said.Add($_) } }',
    prelude,
    `$script = {\n${script}\n}`,
    'try {',
    ...calls.map((args) => `& $script -ClientId ${CLIENT} -PrincipalId ${PRINCIPAL} ${args}`),
    '} finally { $said }',
  ].join('\n');
  const outcome = await run('dotnet', [powershellEngine ?? ''], {
    input,
    env: { POWERSHELL_TELEMETRY_OPTOUT: '1', DOTNET_CLI_TELEMETRY_OPTOUT: '1' },
  });
  return { ...outcome, changes: outcome.stdout.split('\n').filter((line) => line.startsWith('changed: ')) };
}

const granted = [
  `changed: New-ServicePrincipal ${CLIENT} ${PRINCIPAL}`,
  `changed: New-ManagementScope ${SCOPE} ${FILTER}`,
  `changed: New-ManagementRoleAssignment ${ASSIGNMENT} ${PRINCIPAL} Application Mail.ReadWrite ${SCOPE}`,
];

describe('grant-mailbox-access.ps1', { skip: skipWithout(powershellEngine, 'the PowerShell engine'), concurrency: 2 }, () => {
  test('it gives the identity Mail.ReadWrite in the mailboxes of the group only; a second run changes nothing', async () => {
    const outcome = await session(EXCHANGE, '-Group users', '-Group users');
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.deepEqual(outcome.changes, granted);
  });

  test('with -WhatIf it changes nothing', async () => {
    const outcome = await session(EXCHANGE, '-Group users -WhatIf');
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.deepEqual(outcome.changes, []);
  });

  test('another group changes the scope and nothing else', async () => {
    const other = 'function Get-Group { [pscustomobject]@{ DistinguishedName = "CN=others" } }';
    const changed = await session(
      `${EXCHANGE}\n$null = $principals.Add([pscustomobject]@{ AppId = '${CLIENT}'; ObjectId = '${PRINCIPAL}' })
$null = $scopes.Add([pscustomobject]@{ Name = '${SCOPE}'; RecipientFilter = 'old' })
$null = $assignments.Add([pscustomobject]@{ Name = '${ASSIGNMENT}' })\n${other}`,
      '-Group others',
    );
    assert.deepEqual(changed.changes, [`changed: Set-ManagementScope ${SCOPE} MemberOfGroup -eq 'CN=others'`]);
  });

  test('-Undo takes away what it made and leaves other scopes; -Undo again, or with -WhatIf, changes nothing', async () => {
    const outcome = await session(EXCHANGE, '-Group users', '-Undo -WhatIf', '-Undo', '-Undo');
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.deepEqual(outcome.changes, [
      ...granted,
      `changed: Remove-ManagementRoleAssignment ${ASSIGNMENT}`,
      `changed: Remove-ManagementScope ${SCOPE}`,
      `changed: Remove-ServicePrincipal ${PRINCIPAL}`,
    ]);
  });

  test('it says that a member can be written to and another cannot', async () => {
    const outcome = await session(EXCHANGE, '-Group users -TestMailbox inside@contoso.com -OutsideMailbox outside@contoso.com');
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /may write to inside@contoso.com/);
    assert.match(outcome.stdout, /may not write to outside@contoso.com/);
  });

  for (const [args, mailbox] of [
    ['-TestMailbox outside@contoso.com', 'may not write to outside@contoso.com'],
    ['-OutsideMailbox inside@contoso.com', 'may write to inside@contoso.com'],
  ] as const) {
    test(`it ends with an error when the archiver ${mailbox} and should not be so`, async () => {
      const outcome = await session(EXCHANGE, `-Group users ${args}`);
      assert.equal(outcome.code, 1);
      assert.match(outcome.stderr, new RegExp(mailbox));
    });
  }

  test('it refuses a client id that Exchange knows under another object id', async () => {
    const outcome = await session(
      `${EXCHANGE}\n$null = $principals.Add([pscustomobject]@{ AppId = '${CLIENT}'; ObjectId = 'another' })`,
      '-Group users',
    );
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /under another object id/);
    assert.deepEqual(outcome.changes, []);
  });

  test('outside a session of Exchange Online it says what to do', async () => {
    const outcome = await session('', '-Group users');
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /run Connect-ExchangeOnline first/);
  });
});
