<#
.SYNOPSIS
Lets the archiver write into the mailboxes of one group, and no others (RBAC for Applications in Exchange Online); or takes that away again.

.DESCRIPTION
Run it in a session of the module ExchangeOnlineManagement (Connect-ExchangeOnline), as a member of Organization Management.
It can be run again: it makes only what is missing. A change takes 30 minutes to 2 hours to reach every server.

.PARAMETER ClientId
Application id of the identity: IDENTITY_CLIENT_ID of the deployment.

.PARAMETER PrincipalId
Object id of the identity's service principal: IDENTITY_PRINCIPAL_ID of the deployment.

.PARAMETER Group
Mail-enabled security group of the archived users. Only its direct members count, not those of groups within it.

.PARAMETER TestMailbox
A mailbox of a member: the script ends with an error unless the archiver may write to it.

.PARAMETER OutsideMailbox
A mailbox of somebody else: the script ends with an error if the archiver may write to it.

.PARAMETER Undo
Takes away what the script has made.

.EXAMPLE
./grant-mailbox-access.ps1 -ClientId $clientId -PrincipalId $principalId -Group archived-users@contoso.com -WhatIf
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)] [guid] $ClientId,
    [Parameter(Mandatory)] [guid] $PrincipalId,
    [string] $Group,
    [string] $TestMailbox,
    [string] $OutsideMailbox,
    [switch] $Undo
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# The client id is part of the names, so that two archivers in one tenant do not share them.
$scopeName = "Archiver $ClientId"
$assignmentName = "Archiver mail $ClientId"
$role = 'Application Mail.ReadWrite'

if (-not (Get-Command New-ServicePrincipal -ErrorAction SilentlyContinue)) {
    throw 'The commands of Exchange Online are not here: run Connect-ExchangeOnline first, as a member of Organization Management.'
}

$principal = Get-ServicePrincipal | Where-Object { $_.AppId -eq "$ClientId" }
$scope = Get-ManagementScope | Where-Object { $_.Name -eq $scopeName }
$assignment = Get-ManagementRoleAssignment | Where-Object { $_.Name -eq $assignmentName }

if ($Undo) {
    if ($assignment -and $PSCmdlet.ShouldProcess($assignmentName, 'Remove the role assignment')) {
        Remove-ManagementRoleAssignment -Identity $assignmentName -Confirm:$false
    }
    if ($scope -and $PSCmdlet.ShouldProcess($scopeName, 'Remove the scope')) {
        Remove-ManagementScope -Identity $scopeName -Confirm:$false
    }
    if ($principal -and $PSCmdlet.ShouldProcess("$ClientId", 'Remove the service principal from Exchange')) {
        Remove-ServicePrincipal -Identity "$PrincipalId" -Confirm:$false
    }
    return
}

if (-not $Group) {
    throw '-Group is missing: name the mail-enabled security group whose members are archived.'
}
$groupName = (Get-Group -Identity $Group).DistinguishedName
$filter = "MemberOfGroup -eq '$($groupName.Replace("'", "''"))'"

if (-not $principal) {
    if ($PSCmdlet.ShouldProcess("$ClientId", 'Make the service principal known to Exchange')) {
        $null = New-ServicePrincipal -AppId "$ClientId" -ObjectId "$PrincipalId" -DisplayName "Archiver $ClientId"
    }
}
elseif ($principal.ObjectId -ne "$PrincipalId") {
    throw "Exchange knows $ClientId under another object id. Take -PrincipalId from the enterprise application (the deployment prints it), not from the app registration; if the identity was made anew, run -Undo first."
}

if (-not $scope) {
    if ($PSCmdlet.ShouldProcess($scopeName, "Make a scope of the members of $Group")) {
        $null = New-ManagementScope -Name $scopeName -RecipientRestrictionFilter $filter
    }
}
elseif ($scope.RecipientFilter -ne $filter) {
    if ($PSCmdlet.ShouldProcess($scopeName, "Change the scope to the members of $Group")) {
        Set-ManagementScope -Identity $scopeName -RecipientRestrictionFilter $filter
    }
}

if (-not $assignment) {
    if ($PSCmdlet.ShouldProcess($assignmentName, "Give $role within the scope")) {
        $null = New-ManagementRoleAssignment -Name $assignmentName -App "$PrincipalId" -Role $role -CustomResourceScope $scopeName
    }
}

if ($WhatIfPreference) {
    return
}

$expectations = @(
    @{ Mailbox = $TestMailbox; InScope = $true }
    @{ Mailbox = $OutsideMailbox; InScope = $false }
)
foreach ($expectation in $expectations) {
    if ($expectation.Mailbox) {
        $answer = Test-ServicePrincipalAuthorization -Identity "$PrincipalId" -Resource $expectation.Mailbox |
            Where-Object { $_.RoleName -eq $role -and "$($_.InScope)" -eq 'True' }
        if ([bool] $answer -ne $expectation.InScope) {
            throw "Exchange says that the archiver $(if ($answer) { 'may' } else { 'may not' }) write to $($expectation.Mailbox), which is not what was asked for. Check the members of the group."
        }
        "As asked for: the archiver $(if ($answer) { 'may' } else { 'may not' }) write to $($expectation.Mailbox)."
    }
}
