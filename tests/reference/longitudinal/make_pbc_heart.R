# Makes pbc.json and heart.json beside this file. Needs R packages survival, timeROC, riskRegression, jsonlite.
source("reflib.R"); D <- "./"; E <- "./"
data(pbc,package="survival"); p0 <- subset(pbc,id<=312); seqd <- pbcseq[,c("id","day","bili","chol","albumin","alk.phos","ast","platelet","protime","ascites","hepato","spiders","edema","stage")]
wcsv(p0,paste0(D,"pbc.csv")); wcsv(seqd,paste0(D,"pbcseq.csv")); R <- list(session=sess())
temp <- subset(pbc,id<=312,select=c(id:sex,stage)); t2 <- tmerge(temp,temp,id=id,death=event(time,status)); t2 <- tmerge(t2,pbcseq,id=id,ascites=tdc(day,ascites),bili=tdc(day,bili),albumin=tdc(day,albumin),protime=tdc(day,protime),alk.phos=tdc(day,alk.phos))
wcsv(as.data.frame(t2),paste0(D,"pbc_startstop_tmerge.csv")); R$tmerge <- list(n_rows=nrow(t2),n_deaths=sum(t2$death==2),n_transplant=sum(t2$death==1),tcount=mat(unclass(attr(t2,"tcount"))))
R$baseline <- cox_ref(coxph(Surv(time,status==2)~log(bili)+log(protime),p0),data.frame(bili=c(1,5),protime=c(10,12)),365.25*c(1,3,5),basehaz=TRUE); R$baseline_418 <- cox_ref(coxph(Surv(time,status==2)~log(bili)+log(protime),pbc))
R$timedep <- cox_ref(coxph(Surv(tstart,tstop,death==2)~log(bili)+log(protime),t2)); R$timedep_cluster <- cox_ref(coxph(Surv(tstart,tstop,death==2)~log(bili)+log(protime)+cluster(id),t2),zph=FALSE)
R$timedep_transplant_as_event <- cox_ref(coxph(Surv(tstart,tstop,death>0)~log(bili)+log(protime),t2),zph=FALSE)
p0$D <- as.numeric(p0$status==2); sq <- pbcseq[,c("id","day","bili")]; sq$lb <- log(sq$bili); R$landmarks <- list(); base <- sq[sq$day==0,]; p0$lb0 <- base$lb[match(p0$id,base$id)]
for(L in c(182.625,365.25,730.5,1095.75)) for(ma in c(Inf,365.25)) { s <- locf_lm(p0,sq,"id","time","D","day","lb",L,"at_or_before",ma); w<-5*365.25; x<-lm_counts(s,w,L); x$max_age<-if(is.finite(ma)) ma else NULL
  inc<-s[s$reason=="included",]; inc$lbL<-inc$value; inc$chg<-inc$value-inc$lb0; inc$T<-pmin(inc$time,L+w); inc$E<-inc$D*(inc$time<=L+w)
  x$cox_value <- cox_ref(coxph(Surv(T,E)~age+lbL,inc),data.frame(age=50,lbL=log(c(1,5))),L+365.25*c(1,2,5),zph=is.infinite(ma)); x$cox_change_adjusted <- cox_ref(coxph(Surv(T,E)~age+lb0+chg,inc),zph=FALSE); x$cox_change_only <- cox_ref(coxph(Surv(T,E)~age+chg,inc),zph=FALSE)
  R$landmarks[[length(R$landmarks)+1]] <- x }
# visit-window selection: value at nominal day 182.625, window [-60,+60], nearest; ties -> earlier; draw after the landmark never used when landmark = 182.625+60
L <- 182.625+60; nominal<-182.625; c1 <- sq[abs(sq$day-nominal)<=60,]; c1<-c1[order(c1$id,abs(c1$day-nominal),c1$day),]; c1<-c1[!duplicated(c1$id),]
s <- p0; s$v<-c1$lb[match(s$id,c1$id)]; s$vday<-c1$day[match(s$id,c1$id)]; s$reason <- ifelse(s$time<=L&s$D==1,"event",ifelse(s$time<=L,"censored",ifelse(is.na(s$v),"no_draw_in_window","included"))); inc<-s[s$reason=="included",]; inc$chg<-inc$v-inc$lb0
R$visit_window <- list(nominal_day=nominal,half_width=60,landmark=L,rule="nearest draw to the nominal day inside nominal +/- 60 d (ties: earlier); landmark = end of the window; all draws used are therefore on or before the landmark",flow=nm(table(s$reason)),n=nrow(inc),events=sum(inc$D),max_draw_day=max(inc$vday),ids_first20=head(inc$id,20),draw_days_first20=head(inc$vday,20),cox=cox_ref(coxph(Surv(time,D)~age+lb0+chg,inc)))
inc$high <- as.integer(inc$chg>0); R$visit_window$km <- km_ref(Surv(time,D)~high,inc,L+365.25*c(1,3,5)); R$visit_window$logrank <- lr_ref(Surv(time,D)~high,inc)
# landmark supermodel
yrs <- c(0,.5,1,1.5,2,2.5,3); S<-NULL; for(y in yrs){ s<-locf_lm(p0,sq,"id","time","D","day","lb",y*365.25,"at_or_before"); s<-s[s$reason=="included",]; s$LMy<-y; s$T0<-y; s$T<-pmin(s$time/365.25,y+5); s$E<-s$D*(s$time/365.25<=y+5); S<-rbind(S,s[,c("id","LMy","T0","T","E","age","value","value_age")]) }
names(S)[7]<-"lbili"; wcsv(S,paste0(D,"pbc_super_stacked.csv")); S$s1<-S$LMy/3
R$super <- list(landmarks_years=yrs,window_years=5,n_rows=nrow(S),n_events=sum(S$E),ipl=cox_ref(coxph(Surv(T0,T,E)~age+lbili+lbili:s1+strata(LMy)+cluster(id),S),zph=FALSE),iplstar=cox_ref(coxph(Surv(T0,T,E)~age+lbili+lbili:s1+s1+I(s1^2)+cluster(id),S),zph=FALSE))
# accuracy at landmark 1 y, horizon 5 y
suppressPackageStartupMessages({library(timeROC); library(riskRegression)})
s<-locf_lm(p0,sq,"id","time","D","day","lb",365.25,"at_or_before"); inc<-s[s$reason=="included",]; inc$t<-inc$time-365.25; inc$lbL<-inc$value
ro <- timeROC(T=inc$t,delta=inc$D,marker=inc$lbL,cause=1,weighting="marginal",times=365.25*c(1,3,5),iid=TRUE)
fit <- coxph(Surv(t,D)~age+lbL,inc,x=TRUE); sc <- Score(list(m=fit),formula=Surv(t,D)~1,data=inc,times=365.25*c(1,3,5),metrics=c("auc","brier"),conf.int=TRUE)
R$accuracy_landmark_1y <- list(n=nrow(inc),events=sum(inc$D),timeROC=list(times=ro$times,AUC=unname(ro$AUC),se=unname(ro$inference$vect_sd_1)),uno_c=nm(concordance(Surv(t,D)~lbL,inc,timewt="n/G2",reverse=TRUE)[c("concordance","var")]),uno_c_5y=nm(concordance(Surv(t,D)~lbL,inc,timewt="n/G2",reverse=TRUE,ymax=5*365.25)[c("concordance","var")]),harrell_c=nm(concordance(Surv(t,D)~lbL,inc,reverse=TRUE)[c("concordance","var")]),brier=as.data.frame(sc$Brier$score),auc=as.data.frame(sc$AUC$score))
wjson(R,paste0(E,"pbc.json")); cat("pbc ok\n")
## ---- 3 Stanford heart ------------------------------------------------------
data(heart,package="survival"); wcsv(jasa,paste0(D,"jasa.csv")); wcsv(heart,paste0(D,"heart_startstop.csv")); h<-heart; h$g<-as.integer(as.character(h$transplant)); R<-list(session=sess())
R$mantel_byar <- mantel_byar(h$start,h$stop,h$event,h$g); ex <- coxph(Surv(start,stop,event)~g,h,ties="exact"); R$cox_exact_transplant <- list(coef=nm(ex$coefficients),se=sqrt(diag(ex$var)),loglik_null=ex$loglik[1],loglik=ex$loglik[2],score_test=ex$score,note="exact partial likelihood; its score test is the Mantel-Byar log-rank chi-square"); stopifnot(isTRUE(all.equal(ex$score,R$mantel_byar$chisq,tolerance=1e-10)))
R$mantel_byar_breslow_score <- nm(summary(coxph(Surv(start,stop,event)~g,h,ties="breslow"))$sctest)
for(tie in c("efron","breslow")){ R[[paste0("td_transplant_",tie)]]<-cox_ref(coxph(Surv(start,stop,event)~transplant,h,ties=tie)); R[[paste0("td_full_",tie)]]<-cox_ref(coxph(Surv(start,stop,event)~age+year+surgery+transplant,h,ties=tie)); R[[paste0("td_interaction_",tie)]]<-cox_ref(coxph(Surv(start,stop,event)~(age+surgery)*transplant,h,ties=tie)) }
R$naive_ever_transplanted <- cox_ref(coxph(Surv(futime,fustat)~transplant,jasa),note="WRONG on purpose: ever-transplanted at baseline (immortal time). futime has zeros."); R$naive_logrank <- lr_ref(Surv(futime,fustat)~transplant,jasa)
R$simon_makuch <- simon_makuch(h,c(30,90,180,365,730)); R$simon_makuch_landmark_30 <- simon_makuch(h,c(60,90,180,365,730),LM=30)
ja <- jasa; ja$id<-1:nrow(ja); for(L in c(30,60)){ k<-ja[ja$futime>L,]; k$tx<-as.integer(!is.na(k$wait.time)&k$wait.time<=L); k$txb<-as.integer(!is.na(k$wait.time)&k$wait.time<L); R[[paste0("landmark_",L)]]<-list(rule="at risk: futime > L; exposed: wait.time <= L",n=nrow(k),events=sum(k$fustat),n_tx=sum(k$tx),n_tx_strictly_before=sum(k$txb),n_event_before=sum(ja$futime<=L&ja$fustat==1),n_cens_before=sum(ja$futime<=L&ja$fustat==0),cox=cox_ref(coxph(Surv(futime,fustat)~tx+age,k)),logrank=lr_ref(Surv(futime,fustat)~tx,k),km=km_ref(Surv(futime,fustat)~tx,k,c(90,180,365))) }
wjson(R,paste0(E,"heart.json")); cat("heart ok\n")
