// Runs PowerShell scripts without an installed PowerShell: the test of infra/grant-mailbox-access.ps1 calls it. Made by infra/restore-bicep.sh.
#:package System.Management.Automation@7.6.9
#:property PublishAot=false
#:property InvariantGlobalization=true

using System.Management.Automation;
using System.Management.Automation.Runspaces;

// Only Microsoft.PowerShell.Core is here (no Write-Host, no ConvertTo-Json): the test's prelude stands in for what the script uses.
using var runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
runspace.Open();
using var shell = PowerShell.Create(runspace);
shell.AddScript(Console.In.ReadToEnd());
using var results = new PSDataCollection<PSObject>();
results.DataAdded += (_, added) => Console.WriteLine(results[added.Index]);
try
{
    shell.Invoke(null, results);
}
catch (RuntimeException problem)
{
    Console.Error.WriteLine(problem.ErrorRecord);
    return 1;
}
foreach (var problem in shell.Streams.Error)
{
    Console.Error.WriteLine(problem);
}
return shell.HadErrors ? 1 : 0;
