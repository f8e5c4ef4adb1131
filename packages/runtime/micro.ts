import ivm from "isolated-vm"
import { loadGuestBundle } from "./src/host/guest-bundle.ts"
import { WarmIsolate } from "./src/host/warm-isolate.ts"
const b = loadGuestBundle("dist/guest.json")
const cpu=()=>{const t=process.threadCpuUsage();return (t.user+t.system)/1000}
function med(name:string, f:()=>void, n=200){ for(let i=0;i<20;i++) f(); const a:number[]=[]; for(let i=0;i<n;i++){const t=cpu(); f(); a.push(cpu()-t)} a.sort((x,y)=>x-y); console.log(name.padEnd(30), a[n>>1]!.toFixed(3), "mean", (a.reduce((x,y)=>x+y)/n).toFixed(3)) }
for (let r=0;r<2;r++){
med("isolate", ()=>{ const i=new ivm.Isolate({memoryLimit:128}); i.dispose() })
med("isolate+ctx", ()=>{ const i=new ivm.Isolate({memoryLimit:128}); i.createContextSync(); i.dispose() })
med("warm", ()=>{ new WarmIsolate(128,b).dispose() })
const job=JSON.stringify({call:"run",shape:"module",outputBytes:1e6,logBytes:1e5,imports:[],metas:[],prefix:"$mayfly",props:"j{}"})
med("warm+assign", ()=>{ const w=new WarmIsolate(128,b); w.assign({onLine(){},onCatastrophe(){}},[],job,"j{}","j{}"); w.dispose() })
med("warm+assign+compile+link", ()=>{ const w=new WarmIsolate(128,b); w.assign({onLine(){},onCatastrophe(){}},[],job,"j{}","j{}"); const m=w.isolate.compileModuleSync('export default (input)=>({sum:1})\nimport*as s from"s";$mayfly_start(s)',{filename:"main.js"}); m.instantiateSync(w.context,()=>m); w.dispose() })
}
const proc=()=>{const t=process.cpuUsage();return (t.user+t.system)/1000}
{ const job=JSON.stringify({call:"run",shape:"module",outputBytes:1e6,logBytes:1e5,imports:[],metas:[],prefix:"$mayfly",props:"j{}"})
 const a:number[]=[],bb:number[]=[]; for(let k=0;k<200;k++){ const w=new WarmIsolate(128,b); w.assign({onLine(){},onCatastrophe(){}},[],job,"j{}","j{}"); const m=w.isolate.compileModuleSync('export default (input)=>({sum:1})\nimport*as s from"s";$mayfly_start(s)',{filename:"main.js"}); m.instantiateSync(w.context,()=>m); const p=proc(),c=cpu(); await m.evaluate(); a.push(proc()-p-(cpu()-c)); const c2=cpu(); w.dispatch.applySync(undefined,["drain"]); w.isolate.getHeapStatisticsSync(); bb.push(cpu()-c2); w.dispose() } a.sort((x,y)=>x-y);bb.sort((x,y)=>x-y); console.log("evaluate off-main",a[100],"drain",bb[100]) }
process.kill(process.pid,"SIGKILL")
